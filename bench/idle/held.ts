import { setTimeout as sleep } from "node:timers/promises";
import { Crowd, follower } from "../crowd/crowd.ts";
import type { CrowdClient } from "../crowd/messages.ts";
import { residentBytes } from "../measure/process-usage.ts";
import { LiveSessions } from "../session/live-sessions.ts";
import type { Cluster } from "../stand/cluster.ts";
import { observerToken } from "../stand/token.ts";
import type { Bare } from "../fanout/bare.ts";

/** Connections that come first, so that what is needed once is not counted. */
const warmUpCount = 500;
/** Joins have been written and read, garbage is collected, and pings have gone to and fro. */
const settleMs = 12_000;

/** Resident bytes that each of so many idle clients adds to a process. */
async function bytesEach(pid: number, port: number, path: string, clients: readonly CrowdClient[]): Promise<number> {
  const crowd = new Crowd();
  await crowd.open(port, path, clients.slice(0, warmUpCount));
  await sleep(settleMs / 3);
  const beforeBytes = residentBytes(pid);
  await crowd.open(port, path, clients.slice(warmUpCount));
  await sleep(settleMs);
  const heldBytes = residentBytes(pid) - beforeBytes;
  await crowd.close();
  return heldBytes / (clients.length - warmUpCount);
}

export function bareBytesEach(bare: Bare, count: number): Promise<number> {
  return bytesEach(
    bare.pid,
    bare.port,
    "/",
    Array.from({ length: count + warmUpCount }, () => ({})),
  );
}

/** The clients share out so many sessions, in each of which an agent has begun to answer. */
export async function edgeBytesEach(cluster: Cluster, count: number, sessionCount: number): Promise<number> {
  const log = await cluster.openLog();
  const { ids } = await LiveSessions.begin(log, cluster.partitions, `idle-${sessionCount}`, sessionCount);
  const token = await observerToken(cluster.secret);
  const clients = Array.from({ length: count + warmUpCount }, (_, index) =>
    follower(token, ids[index % sessionCount] ?? ""),
  );
  const { pid } = await cluster.start("edge");
  return bytesEach(pid, cluster.edgePort, "/v1/connect", clients);
}
