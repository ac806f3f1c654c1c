// `./dev bench latency`: from an agent's token to the client's socket, beside raw Kafka through the same client and a
// bare relay over the same hops, in turns in one run, on one broker with acks=all. Who reads is in a process of its own.
import { startCluster } from "./stand/cluster.ts";
import { openFloor } from "./latency/floor.ts";
import { openPath } from "./latency/path.ts";
import { openRelay } from "./latency/relay.ts";
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
  const { brokers, partitions } = cluster;
  const raw = await openFloor(brokers, partitions, sessions);
  const relay = await openRelay(brokers, partitions, sessions);
  const whole = await openPath(cluster, sessions);
  const measured = await measureRounds({ raw, relay, whole }, { rate, rounds, seconds });
  for (const carrier of [whole, relay, raw]) await carrier.close();
  return compare(rate, sessions, measured);
}
