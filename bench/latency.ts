// `./dev bench latency`: from an agent's token to
// the client's socket, beside raw Kafka through the same client, interleaved in one run, on one broker with acks=all.
import { startCluster } from "./stand/cluster.ts";
import { openFloor } from "./latency/floor.ts";
import { openPath } from "./latency/path.ts";
import { type Comparison, compare } from "./latency/report.ts";
import { measureRounds } from "./latency/rounds.ts";
import { print } from "./measure/report.ts";
import { runWithNodeFlags } from "./stand/node-flags.ts";
import { numberOption, readOptions } from "../tools/options.ts";

// The load, and with it the floor, has no longer pauses than the services have.
runWithNodeFlags();

const { values } = readOptions(
  "./dev bench latency [--json] [--rounds N] [--seconds S] [--rates 200,1000] [--per-session TOKENS_PER_SECOND]",
  {
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "4" },
      seconds: { type: "string", default: "10" },
      rates: { type: "string", default: "200,1000" },
      "per-session": { type: "string", default: "50" },
    },
  },
);
const rounds = numberOption("rounds", values.rounds);
const seconds = numberOption("seconds", values.seconds);
const tokensPerSecondAndSession = numberOption("per-session", values["per-session"]);

const rates = values.rates.split(",").map((rate) => numberOption("rates", rate));

const cluster = await startCluster();
try {
  const comparisons: Comparison[] = [];
  for (const rate of rates) comparisons.push(await measure(rate));
  print(
    {
      bench: "latency",
      setting: `one broker, acks=all, ${rounds} rounds of ${seconds} s each in turns; the seconds count in which other programs let the bench be`,
      tables: comparisons.map(({ table }) => table),
      marks: comparisons.flatMap(({ marks }) => marks),
    },
    values.json,
  );
} finally {
  await cluster.stop();
}

async function measure(rate: number): Promise<Comparison> {
  const sessions = Math.max(1, Math.round(rate / tokensPerSecondAndSession));
  const floor = await openFloor(cluster.brokers, cluster.partitions, sessions);
  const path = await openPath(cluster, sessions);
  const measured = await measureRounds({ floor, path }, { rate, rounds, seconds });
  await path.close();
  await floor.close();
  return compare(rate, sessions, measured);
}
