// `./dev bench fanout [--json] [--rounds N] [--seconds N]`: CPU time of an edge per frame that it delivers, beside bare
// uWebSockets that publishes the same to as many sockets, in turns.
import { Bare } from "./fanout/bare.ts";
import { type Lane, openBareLane, openEdgeLane, type Shape } from "./fanout/shape.ts";
import { print, type Table } from "./measure/report.ts";
import { tokenText } from "./session/written-session.ts";
import { startCluster } from "./stand/cluster.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench fanout [--json] [--rounds N] [--seconds S]", {
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "4" },
    seconds: { type: "string", default: "3" },
  },
});
const rounds = numberOption("rounds", values.rounds);
const roundMs = numberOption("seconds", values.seconds) * 1_000;
const warmUpMs = 2_000;
const oneSession: Shape = { sessions: 1, clientsEach: 1_000, tokensPerSecond: 30 };
const manySessions: Shape = { sessions: 1_000, clientsEach: 1, tokensPerSecond: 1_000 };

const cluster = await startCluster({ services: ["edge"] });
const bare = await Bare.start();
try {
  const log = await cluster.openLog();
  const measure = async (shape: Shape): Promise<{ edge: Lane; floor: Lane }> => {
    const edge = await openEdgeLane(cluster, log, shape);
    const floor = await openBareLane(bare, cluster, log, shape);
    for (const lane of [edge, floor]) await lane.run(warmUpMs).then(() => forget(lane));
    for (let round = 0; round < rounds; round += 1) for (const lane of [edge, floor]) await lane.run(roundMs);
    await Promise.all([edge.close(), floor.close()]);
    return { edge, floor };
  };
  // The many come first: their tokens have the code compiled, which the thirty a second of the other shape would not.
  const many = await measure(manySessions);
  const one = await measure(oneSession);
  const oneUs = cpuPerDelivery(one.edge);
  print(
    {
      bench: "fanout",
      setting: `${rounds} rounds of ${values.seconds} s each, in turns; the edge reads Kafka, decodes and folds each token, then publishes it`,
      tables: [tableOf(oneSession, one.edge, one.floor), tableOf(manySessions, many.edge, many.floor)],
      marks: [
        { what: "CPU per delivery, 1,000 clients on a session", unit: "µs", measured: oneUs, limit: 6 },
        {
          what: "the same beside bare uWebSockets",
          unit: "times",
          measured: oneUs / cpuPerDelivery(one.floor),
          limit: 1.3,
        },
        { what: "a token on the wire beside its text", unit: "bytes", measured: overheadBytes(one.edge), limit: 64 },
      ],
    },
    values.json,
  );
} finally {
  await bare.close();
  await cluster.stop();
}

function forget({ total }: Lane): void {
  Object.assign(total, { deliveries: 0, cpuUs: 0, bytes: 0 });
}

function cpuPerDelivery({ total }: Lane): number {
  return total.cpuUs / total.deliveries;
}

/** With the WebSocket frame's own head. */
function overheadBytes({ total }: Lane): number {
  return total.bytes / total.deliveries - tokenText(0).length;
}

function tableOf({ sessions, clientsEach, tokensPerSecond }: Shape, edge: Lane, floor: Lane): Table {
  const row = (name: string, lane: Lane) => ({
    name,
    values: [cpuPerDelivery(lane), lane.total.deliveries, overheadBytes(lane)],
  });
  return {
    title: `${sessions} × ${clientsEach} clients, ${tokensPerSecond} tokens/s in all`,
    columns: ["CPU µs/delivery", "deliveries", "overhead bytes"],
    plotted: ["CPU µs/delivery"],
    rows: [row("bare uWebSockets", floor), row("edge", edge)],
  };
}
