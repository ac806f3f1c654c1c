import type { Entry, Log, Tail } from "@perdure/log";
import { openKafkaLog } from "@perdure/log-kafka";

/** A log on the bench's one broker, for who writes or reads it directly. */
export const openBenchLog = (brokers: string, topicPrefix: string): Promise<Log> =>
  openKafkaLog({ brokers: brokers.split(","), topicPrefix, replication: { factor: 1, minInSync: 1 } });

/** Reads every partition of a topic from its beginning, and what comes. */
export function tailAll(log: Log, topic: string, partitions: number, onEntry: (entry: Entry) => void): Tail {
  const tail = log.tail(topic, {
    onEntries: (_partition, entries) => {
      for (const entry of entries) onEntry(entry);
    },
    onPartitionError: (_partition, error) => {
      throw error;
    },
  });
  for (let partition = 0; partition < partitions; partition += 1) tail.add(partition, 0);
  return tail;
}
