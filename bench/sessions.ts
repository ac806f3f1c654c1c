// `./dev bench sessions [--json] [--sessions N]`: what 100,000 idle sessions more in one partition add to the memory of a
// keeper and an edge, and how long the first client of a partition that is not open waits. Linux.
import { print } from "./measure/report.ts";
import { type Held, openCrowded } from "./sessions/crowded-log.ts";
import { startCluster } from "./stand/cluster.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench sessions [--json] [--sessions N]", {
  options: { json: { type: "boolean", default: false }, sessions: { type: "string", default: "100000" } },
});
const more = numberOption("sessions", values.sessions);
/** So many that reading them has made the runtime ready: what that takes is needed once. */
const few = 10_000;
const many = few + more;
const mib = 1024 * 1024;

const small = await held(few);
const large = await held(many);
const keeperMb = (large.collected.keeperBytes - small.collected.keeperBytes) / mib;
const edgeMb = (large.collected.edgeBytes - small.collected.edgeBytes) / mib;
const row = (name: string, { collected, standing, openMs, nextMs }: Held) => ({
  name,
  values: [
    ...[collected.keeperBytes, collected.edgeBytes, standing.keeperBytes, standing.edgeBytes].map(
      (bytes) => bytes / mib,
    ),
    openMs,
    nextMs,
  ],
});

print(
  {
    bench: "sessions",
    setting: `one partition, all sessions idle and covered by heads, one client; written in ${Math.round(large.seededMs / 1_000)} s`,
    tables: [
      {
        title: "one partition",
        columns: ["keeper MB", "edge MB", "keeper + garbage", "edge + garbage", "1st attach ms", "2nd attach ms"],
        plotted: ["keeper MB", "edge MB"],
        rows: [row(`${few} sessions`, small), row(`${many} sessions`, large)],
      },
    ],
    marks: [
      { what: `${more} idle sessions add to a keeper`, unit: "MB", measured: keeperMb, limit: 10 },
      { what: `${more} idle sessions add to an edge`, unit: "MB", measured: edgeMb, limit: 10 },
    ],
  },
  values.json,
);

async function held(sessionCount: number): Promise<Held> {
  const cluster = await startCluster({ services: [], partitions: 1 });
  try {
    return await openCrowded(cluster, sessionCount);
  } finally {
    await cluster.stop();
  }
}
