// What is done to brokers and to the connections to them while others write.
import { setTimeout as sleep } from "node:timers/promises";
import type { ProxiedBrokers } from "../../../../tools/kafka/proxied-brokers.ts";

/** Goes on until it is ended; when it settles, all is whole again. */
export type Disturb = (place: ProxiedBrokers, ending: AbortSignal) => Promise<void>;

/** Uneven, the same in every run: in the middle of requests and of answers. */
const unevenMs = (step: number): number => 20 + ((step * 37) % 90);
const STALL_MS = 150;
const PAUSE_MS = 1_000;

const everyUnevenMs =
  (harm: (place: ProxiedBrokers) => void): Disturb =>
  async (place, ending) => {
    for (let step = 1; !ending.aborted; step += 1) {
      await sleep(unevenMs(step));
      harm(place);
    }
  };

export const cuts = everyUnevenMs(({ proxies }) => proxies.forEach((proxy) => proxy.cut()));

/** The beginning of a frame arrives and its rest never does, in both directions. */
export const cutsInFrames = everyUnevenMs(({ proxies }) => proxies.forEach((proxy) => proxy.cut({ inFrames: true })));

export const stalls: Disturb = async ({ proxies }, ending) => {
  for (let step = 1; !ending.aborted; step += 1) {
    await sleep(unevenMs(step));
    for (const proxy of proxies) proxy.stall(STALL_MS);
    // Some of what is held is let go again, some is cut while it is held.
    await sleep(STALL_MS / 2);
    if (step % 3 === 0) for (const proxy of proxies) proxy.cut();
  }
};

/** Each broker in turn, with -9. */
export const killsAndRestarts: Disturb = async ({ brokers }, ending) => {
  for (let turn = 0; !ending.aborted; turn += 1) {
    const broker = brokers.nodes[turn % brokers.nodes.length];
    await broker?.kill();
    await broker?.restart();
    await brokers.formed();
    await sleep(PAUSE_MS);
  }
};

/** Leaders are asked to hand over and end, each broker in turn: leadership moves under load. */
export const leadersMove: Disturb = async ({ brokers }, ending) => {
  for (let turn = 0; !ending.aborted; turn += 1) {
    const broker = brokers.nodes[turn % brokers.nodes.length];
    await broker?.stop();
    await broker?.restart();
    await brokers.formed();
    await sleep(PAUSE_MS);
  }
};
