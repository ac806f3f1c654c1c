// `./dev bench idle [--json] [--connections N]`: resident memory that an attached idle connection costs an edge, beside
// a connection of bare uWebSockets that has subscribed to a topic. With one client on a session the live session itself
// is counted with it, which is no part of the mark: it is there once, however many follow it. Linux; needs twice N open
// files (ulimit -n).
import { Bare } from "./fanout/bare.ts";
import { bareBytesEach, edgeBytesEach, type HeldBytes } from "./idle/held.ts";
import { print } from "./measure/report.ts";
import { startCluster } from "./stand/cluster.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench idle [--json] [--connections N]", {
  options: { json: { type: "boolean", default: false }, connections: { type: "string", default: "10000" } },
});
const count = numberOption("connections", values.connections);
const clientsPerSession = 50;

const bare = await Bare.start();
const floor = await bareBytesEach(bare, count);
await bare.close();
const shared = await ofEdge(count / clientsPerSession);
const own = await ofEdge(count);
const row = (name: string, { collected, standing }: HeldBytes) => ({
  name,
  values: [collected, collected - floor.collected, standing].map((bytes) => bytes / 1024),
});

print(
  {
    bench: "idle",
    setting: `${count} idle connections, attached, on an edge and on bare uWebSockets, each in a new process; after a full collection, and as it stood before`,
    tables: [
      {
        title: "resident memory of each connection",
        columns: ["KB", "KB beyond bare", "with garbage KB"],
        plotted: ["KB", "with garbage KB"],
        rows: [
          row("bare uWebSockets", floor),
          row(`edge, ${clientsPerSession} clients on a session`, shared),
          row("edge, one client on a session, and the session", own),
        ],
      },
    ],
    marks: [
      {
        what: `beyond bare uWebSockets, ${clientsPerSession} clients on a session`,
        unit: "KB",
        measured: (shared.collected - floor.collected) / 1024,
        limit: 4,
      },
    ],
  },
  values.json,
);

async function ofEdge(sessionCount: number): Promise<HeldBytes> {
  const cluster = await startCluster({ services: ["keeper"] });
  try {
    return await edgeBytesEach(cluster, count, sessionCount);
  } finally {
    await cluster.stop();
  }
}
