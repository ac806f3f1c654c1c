import { setTimeout as sleep } from "node:timers/promises";
import { Crowd, follower } from "../crowd/crowd.ts";
import type { CrowdClient } from "../crowd/messages.ts";
import { residentBytes } from "../measure/process-usage.ts";
import { LiveSessions } from "../session/live-sessions.ts";
import type { Cluster } from "../stand/cluster.ts";
import { observerToken } from "../stand/token.ts";
import type { Bare } from "../fanout/bare.ts";

/** Connections that come first, so that what is needed once is not counted. */
const warmUpCount = 1_000;
/** Joins have been written, read and covered by heads, and pings have gone to and fro. */
const settleMs = 8_000;

/** What each connection adds to a process's resident memory. */
export interface HeldBytes {
  /** With the garbage that stands about. */
  readonly standing: number;
  readonly collected: number;
}

interface Server {
  readonly pid: number;
  collectedBytes(): Promise<number>;
}

async function bytesEach(
  server: Server,
  port: number,
  path: string,
  clients: readonly CrowdClient[],
): Promise<HeldBytes> {
  const crowd = new Crowd();
  await crowd.open(port, path, clients.slice(0, warmUpCount));
  await sleep(settleMs / 2);
  const warm = { standing: residentBytes(server.pid), collected: await server.collectedBytes() };
  await crowd.open(port, path, clients.slice(warmUpCount));
  await sleep(settleMs);
  const held = { standing: residentBytes(server.pid), collected: await server.collectedBytes() };
  await crowd.close();
  const count = clients.length - warmUpCount;
  return {
    standing: (held.standing - warm.standing) / count,
    collected: (held.collected - warm.collected) / count,
  };
}

export function bareBytesEach(bare: Bare, count: number): Promise<HeldBytes> {
  return bytesEach(
    bare,
    bare.port,
    "/",
    Array.from({ length: count + warmUpCount }, () => ({})),
  );
}

/** The clients, each somebody else, share out so many sessions, in each of which an agent has begun to answer. */
export async function edgeBytesEach(cluster: Cluster, count: number, sessionCount: number): Promise<HeldBytes> {
  const log = await cluster.openLog();
  const { ids } = await LiveSessions.begin(log, cluster.partitions, `idle-${sessionCount}`, sessionCount);
  const tokens = Array.from({ length: count + warmUpCount }, (_, index) =>
    observerToken(cluster.secret, `viewer-${index}`),
  );
  const clients = (await Promise.all(tokens)).map((token, index) => follower(token, ids[index % sessionCount] ?? ""));
  const edge = await cluster.start("edge");
  return bytesEach(edge, cluster.edgePort, "/v1/connect", clients);
}
