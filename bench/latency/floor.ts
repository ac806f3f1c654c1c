import { openBenchLog } from "../stand/bench-log.ts";
import { Reader } from "./reader.ts";
import { recordOf } from "./record.ts";
import type { Carrier } from "./rounds.ts";

const topic = "events";

/**
 * Raw Kafka, produce to consume: the same client, batches, bytes, broker and kind of topic as the whole path, written
 * here and read in a process of its own, with nothing between.
 */
export async function openFloor(brokers: string, partitions: number, sessionCount: number): Promise<Carrier> {
  const topicPrefix = `floor-${Date.now()}.`;
  const log = await openBenchLog(brokers, topicPrefix);
  await log.provision([{ name: topic, partitions, cleanup: "none" }]);
  const reader = await Reader.open({ t: "log", brokers, topicPrefix, topic, partitions });
  const keys = Array.from({ length: sessionCount }, (_, index) => new TextEncoder().encode(`bench/session-${index}`));
  const append = (index: number, token: string): void => {
    const session = index % sessionCount;
    const entry = { key: keys[session] ?? new Uint8Array(), value: recordOf(index, token) };
    log.append(topic, session % partitions, entry).catch((error: unknown) => {
      throw error;
    });
  };
  return {
    run: (perSecond, durationMs) => reader.measure(perSecond, durationMs, append),
    close: async () => {
      await reader.close();
      await log.close();
    },
  };
}
