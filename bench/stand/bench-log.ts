import type { Log } from "@perdure/log";
import { openKafkaLog } from "@perdure/log-kafka";

/** A log on the bench's one broker, for who writes or reads it directly. */
export const openBenchLog = (brokers: string, topicPrefix: string): Promise<Log> =>
  openKafkaLog({ brokers: brokers.split(","), topicPrefix, replication: { factor: 1, minInSync: 1 } });
