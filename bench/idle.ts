// `./dev bench idle [--json] [--connections N]`: resident memory that an attached idle connection costs an edge, beside
// a connection of bare uWebSockets that has subscribed to a topic. Linux; needs twice N open files (ulimit -n).
import { parseArgs } from "node:util";
import { Bare } from "./fanout/bare.ts";
import { bareBytesEach, edgeBytesEach } from "./idle/held.ts";
import { print } from "./measure/report.ts";
import { startCluster } from "./stand/cluster.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, connections: { type: "string", default: "10000" } },
});
const count = Number(values.connections);
const clientsPerSession = 50;

const bare = await Bare.start();
const bareBytes = await bareBytesEach(bare, count);
await bare.close();
const sharedBytes = await ofEdge(count / clientsPerSession);
const ownBytes = await ofEdge(count);
const row = (name: string, bytes: number) => ({ name, values: [bytes / 1024, (bytes - bareBytes) / 1024] });

print(
  {
    bench: "idle",
    setting: `${count} idle connections, attached, on an edge and on bare uWebSockets, each in a new process`,
    tables: [
      {
        title: "resident memory of each connection",
        columns: ["KB", "KB beyond bare"],
        plotted: ["KB"],
        rows: [
          row("bare uWebSockets", bareBytes),
          row(`edge, ${clientsPerSession} clients on a session`, sharedBytes),
          row("edge, one client on a session, with the session", ownBytes),
        ],
      },
    ],
    marks: [
      {
        what: `beyond bare uWebSockets, ${clientsPerSession} clients on a session`,
        unit: "KB",
        measured: (sharedBytes - bareBytes) / 1024,
        limit: 4,
      },
      {
        what: "beyond bare uWebSockets, one client on a session",
        unit: "KB",
        measured: (ownBytes - bareBytes) / 1024,
        limit: 4,
      },
    ],
  },
  values.json,
);

async function ofEdge(sessionCount: number): Promise<number> {
  const cluster = await startCluster({ services: [] });
  try {
    return await edgeBytesEach(cluster, count, sessionCount);
  } finally {
    await cluster.stop();
  }
}
