import { setTimeout as sleep } from "node:timers/promises";
import { seedHeads } from "../session/seeded-heads.ts";
import { turn, WrittenSession } from "../session/written-session.ts";
import { residentBytes } from "../measure/process-usage.ts";
import { Attacher } from "../resume/attacher.ts";
import type { Cluster } from "../stand/cluster.ts";
import { observerToken } from "../stand/token.ts";

interface Resident {
  readonly keeperBytes: number;
  readonly edgeBytes: number;
}

export interface Held {
  /** With the garbage that stands about. */
  readonly standing: Resident;
  readonly collected: Resident;
  /** From the edge's start being over to the first session's state. */
  readonly openMs: number;
  /** The second session: the partition is open by then. */
  readonly nextMs: number;
  /** How long writing all of them took. */
  readonly seededMs: number;
}

/** All that opening begins has ended. */
const settleMs = 3_000;

/** A keeper and an edge on one partition with so many idle sessions: what they hold, and how soon they can be used. */
export async function openCrowded(cluster: Cluster, sessionCount: number): Promise<Held> {
  const log = await cluster.openLog();
  const template = new WrittenSession();
  template.join();
  turn(template, 40);
  const ids = Array.from({ length: sessionCount }, () => crypto.randomUUID());
  const startedMs = performance.now();
  await seedHeads(
    log,
    cluster.partitions,
    ids.map((id) => ({ id, template })),
  );
  const seededMs = performance.now() - startedMs;
  const keeper = await cluster.start("keeper");
  const edge = await cluster.start("edge");
  const attacher = new Attacher(cluster.edgePort, await observerToken(cluster.secret));
  await attacher.roundTrip();
  const { tookMs: openMs } = await attacher.attach(ids[0] ?? "");
  const { tookMs: nextMs } = await attacher.attach(ids[1] ?? "");
  await sleep(settleMs);
  const standing = { keeperBytes: residentBytes(keeper.pid), edgeBytes: residentBytes(edge.pid) };
  const collected = { keeperBytes: await keeper.collectedBytes(), edgeBytes: await edge.collectedBytes() };
  const held = { standing, collected, openMs, nextMs, seededMs };
  attacher.close();
  return held;
}
