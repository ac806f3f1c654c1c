import { setTimeout as sleep } from "node:timers/promises";
import { Crowd } from "../crowd/crowd.ts";
import { pace } from "../latency/pacer.ts";
import { Series, tokenLength } from "../latency/series.ts";
import { cpuUs } from "../measure/process-usage.ts";
import type { Peer } from "./peer.ts";

export interface Delivery {
  readonly cpuUs: number;
  /** Of one token for one client, with all heads and its text. */
  readonly wireBytes: number;
}

const settleMs = 1_000;

/** What a delivery costs the process that the clients are connected to, with so many on one channel. */
export async function measureDeliveries(
  peer: Peer,
  {
    clients,
    perSecond,
    durationMs,
  }: { readonly clients: number; readonly perSecond: number; readonly durationMs: number },
): Promise<Delivery> {
  const crowd = new Crowd();
  await crowd.open(
    peer.port,
    peer.path,
    Array.from({ length: clients }, () => peer.client),
  );
  const series = new Series();
  const publish = async (forMs: number): Promise<number> => {
    const sent = await pace(perSecond, forMs, () => peer.publish(series.next()));
    await sleep(settleMs);
    return sent;
  };
  await publish(durationMs / 2);
  await crowd.count();
  const beforeUs = cpuUs(peer.pid);
  const sent = await publish(durationMs);
  const usedUs = cpuUs(peer.pid) - beforeUs;
  const { frames, bytes } = await crowd.count();
  await crowd.close();
  // Frames count, since a peer may put several tokens into one; bytes are shared out to the tokens.
  const deliveries = sent * clients;
  if (frames === 0 || bytes < deliveries * tokenLength) throw new Error(`${peer.name} has not delivered all tokens`);
  return { cpuUs: usedUs / deliveries, wireBytes: bytes / deliveries };
}
