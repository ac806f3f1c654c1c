/** The thread that beats: it shares nothing with the main loop but the time at which that last turned. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../clock.ts";
import { grpcBeats } from "../link/grpc-transport.ts";
import { Beater } from "./beater.ts";
import type { BeatData, BeatMessage } from "./heartbeat.ts";

const isBeatData = (data: unknown): data is BeatData =>
  typeof data === "object" && data !== null && "turnedAt" in data && data.turnedAt instanceof BigInt64Array;

if (isBeatData(workerData)) {
  const { turnedAt, tickMs } = workerData;
  const beater = new Beater({
    clock: systemClock,
    random: Math.random,
    open: grpcBeats,
    loopDelayMs: () => Math.max(0, Date.now() - Number(Atomics.load(turnedAt, 0)) - tickMs),
  });
  parentPort?.on("message", (message: BeatMessage) => {
    if (message.kind === "beat") beater.beat(message.options);
    else beater.renew(message.token);
  });
}
