import type { Log } from "@perdure/log";
import { openKafkaLog } from "@perdure/log-kafka";
import { decodeRecord, encodeRecord } from "@perdure/protocol";
import { pace } from "./pacer.ts";
import type { Carrier } from "./rounds.ts";
import { Series } from "./series.ts";

const topic = "events";

export interface Floor extends Carrier {
  close(): Promise<void>;
}

/**
 * Raw Kafka, produce to consume: the same client, batches, bytes, broker and kind of topic as the whole path, in this
 * process, with nothing between. The record is decoded only as far as its text.
 */
export async function openFloor(brokers: string, partitions: number, sessionCount: number): Promise<Floor> {
  const log = await openKafkaLog({
    brokers: brokers.split(","),
    topicPrefix: `floor-${Date.now()}.`,
    replication: { factor: 1, minInSync: 1 },
  });
  await log.provision([{ name: topic, partitions, cleanup: "none" }]);
  let current = new Series();
  const tail = log.tail(topic, {
    onEntries: (_partition, entries) => {
      for (const { value } of entries) current.arrived(textOf(value));
    },
    onPartitionError: (_partition, error) => {
      throw error;
    },
  });
  for (let partition = 0; partition < partitions; partition += 1) tail.add(partition, 0);
  return {
    run: async (perSecond, durationMs) => {
      current = new Series();
      await write(log, partitions, sessionCount, perSecond, durationMs, current);
      return current;
    },
    close: async () => {
      await tail.close();
      await log.close();
    },
  };
}

async function write(
  log: Log,
  partitions: number,
  sessionCount: number,
  perSecond: number,
  durationMs: number,
  series: Series,
): Promise<void> {
  const acknowledged: Promise<unknown>[] = [];
  await pace(perSecond, durationMs, (index) => {
    const session = index % sessionCount;
    const key = new TextEncoder().encode(`bench/session-${session}`);
    acknowledged.push(log.append(topic, session % partitions, { key, value: recordOf(index, series.next()) }));
  });
  await Promise.all(acknowledged);
  await series.settled();
}

/** As an agent's SDK writes a token. */
export function recordOf(index: number, text: string): Uint8Array {
  return encodeRecord({
    producer: "0123456789abcdef0123456789abcdef",
    first: index + 1,
    last: index + 1,
    born: 5,
    actor: { tenant: "bench", participant: "agent", role: "ROLE_AGENT", instance: "0123456789abcdef" },
    attempt: 7,
    audience: "AUDIENCE_ALL",
    epoch: "12345",
    events: [{ partAppended: { partId: "0123456789abcdef0123456789abcdef:3:1", at: index, text } }],
  });
}

export function textOf(value: Uint8Array | null): string {
  return value === null ? "" : (decodeRecord(value).events?.[0]?.partAppended?.text ?? "");
}
