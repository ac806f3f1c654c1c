import { setTimeout as sleep } from "node:timers/promises";
import { Crowd, follower } from "../crowd/crowd.ts";
import { pace } from "../latency/pacer.ts";
import { cpuUs } from "../measure/process-usage.ts";
import { LiveSessions } from "../session/live-sessions.ts";
import type { Cluster } from "../stand/cluster.ts";
import { observerToken } from "../stand/token.ts";
import type { Log } from "@perdure/log";
import type { Bare } from "./bare.ts";

/** So many sessions, each with so many clients, in which so many tokens a second are written in all. */
export interface Shape {
  readonly sessions: number;
  readonly clientsEach: number;
  readonly tokensPerSecond: number;
}

export interface Usage {
  deliveries: number;
  cpuUs: number;
  bytes: number;
}

/** One way to deliver, with its clients in place. */
export interface Lane {
  readonly name: string;
  /** Publishes for a while, and adds what it took. */
  run(durationMs: number): Promise<void>;
  readonly total: Usage;
  close(): Promise<void>;
}

/** Enough for what was published last to arrive. */
const settleMs = 500;

export async function openEdgeLane(cluster: Cluster, log: Log, shape: Shape): Promise<Lane> {
  const { sessions, clientsEach, tokensPerSecond } = shape;
  const live = await LiveSessions.begin(log, cluster.partitions, `fan-${sessions}`, sessions);
  const token = await observerToken(cluster.secret);
  const clients = live.ids.flatMap((id) => Array.from({ length: clientsEach }, () => follower(token, id)));
  const crowd = new Crowd();
  await crowd.open(cluster.edgePort, "/v1/connect", clients);
  return laneOf("edge", crowd, cluster.service("edge").pid, (durationMs) => write(live, tokensPerSecond, durationMs));
}

/** Meanwhile the broker gets as many tokens as in the other lane, so that the machine is as busy. */
export async function openBareLane(bare: Bare, cluster: Cluster, log: Log, shape: Shape): Promise<Lane> {
  const { sessions, clientsEach, tokensPerSecond } = shape;
  const unread = await LiveSessions.begin(log, cluster.partitions, `unread-${sessions}`, sessions);
  await bare.shareOut(sessions);
  const crowd = new Crowd();
  await crowd.open(
    bare.port,
    "/",
    Array.from({ length: sessions * clientsEach }, () => ({})),
  );
  return laneOf("bare", crowd, bare.pid, async (durationMs) => {
    await Promise.all([bare.publish(tokensPerSecond, durationMs), write(unread, tokensPerSecond, durationMs)]);
  });
}

async function write(live: LiveSessions, perSecond: number, durationMs: number): Promise<void> {
  const written: Promise<void>[] = [];
  await pace(perSecond, durationMs, () => written.push(live.token()));
  await Promise.all(written);
}

function laneOf(name: string, crowd: Crowd, pid: number, publish: (durationMs: number) => Promise<void>): Lane {
  const total: Usage = { deliveries: 0, cpuUs: 0, bytes: 0 };
  return {
    name,
    total,
    run: async (durationMs) => {
      await crowd.count();
      const beforeUs = cpuUs(pid);
      await publish(durationMs);
      await sleep(settleMs);
      const { frames, bytes } = await crowd.count();
      total.deliveries += frames;
      total.bytes += bytes;
      total.cpuUs += cpuUs(pid) - beforeUs;
    },
    close: () => crowd.close(),
  };
}
