// `./dev bench throughput [--json] [--rounds N] [--seconds N] [--sessions N]`: tokens a second through one ingest, one
// keeper and one edge with so many always on their way, beside raw Kafka with as many, in turns.
import { openFloorFlow } from "./throughput/floor-flow.ts";
import { openStreams } from "./latency/streams.ts";
import { median } from "./measure/median.ts";
import { cpuUs } from "./measure/process-usage.ts";
import { print } from "./measure/report.ts";
import { startCluster } from "./stand/cluster.ts";
import { type Flow, Window } from "./throughput/window.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench throughput [--json] [--rounds N] [--seconds S] [--sessions N]", {
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "4" },
    seconds: { type: "string", default: "5" },
    sessions: { type: "string", default: "200" },
  },
});
const sessionCount = numberOption("sessions", values.sessions);
const roundMs = numberOption("seconds", values.seconds) * 1_000;
const rounds = numberOption("rounds", values.rounds);
const outstanding = 8;
const warmUpMs = 3_000;
const services = ["ingest", "keeper", "edge"] as const;
/** The services, and this process: the agent's SDK and the clients. */
const pids = (): number[] => [...services.map((name) => cluster.service(name).pid), process.pid];

const cluster = await startCluster();
try {
  const raw = await openFloorFlow(cluster, sessionCount, outstanding);
  const windows: Window[] = [];
  const streams = await openStreams(cluster, sessionCount, (session, text) => windows[0]?.arrived(session, text));
  const whole = new Window(sessionCount, outstanding, (session, token) => streams.push(session, token));
  windows.push(whole);
  const flows = { raw: [] as Flow[], whole: [] as Flow[] };
  await raw.run(warmUpMs);
  await whole.run(warmUpMs);
  const usedUs = pids().map(() => 0);
  for (let round = 0; round < rounds; round += 1) {
    flows.raw.push(await raw.run(roundMs));
    const before = pids().map(cpuUs);
    flows.whole.push(await whole.run(roundMs));
    for (const [index, pid] of pids().entries()) {
      usedUs[index] = (usedUs[index] ?? 0) + cpuUs(pid) - (before[index] ?? 0);
    }
  }
  await streams.close();
  const tokens = flows.whole.reduce((sum, { tokensPerSecond }) => sum + (tokensPerSecond * roundMs) / 1_000, 0);
  const row = (name: string, each: readonly Flow[]) => ({
    name,
    values: [
      median(each.map(({ tokensPerSecond }) => tokensPerSecond)),
      median(each.map(({ tokensEach }) => tokensEach)),
      median(each.map(({ tokensPerSecond, tokensEach }) => tokensPerSecond / tokensEach)),
    ],
  });
  print(
    {
      bench: "throughput",
      setting: `${sessionCount} sessions with ${outstanding} tokens each on their way, ${rounds} rounds of ${values.seconds} s in turns; one process of each service, the broker and the load on the same cores`,
      tables: [
        {
          title: "through one of each",
          columns: ["tokens/s", "tokens in each", "events/s"],
          plotted: ["tokens/s"],
          rows: [row("raw Kafka, produce -> consume", flows.raw), row("agent -> screen", flows.whole)],
        },
        {
          title: "CPU time of a token",
          columns: ["µs"],
          plotted: ["µs"],
          rows: [...services, "the load: the agent's SDK and the clients"].map((name, index) => ({
            name,
            values: [(usedUs[index] ?? 0) / tokens],
          })),
        },
      ],
      marks: [],
    },
    values.json,
  );
} finally {
  await cluster.stop();
}
