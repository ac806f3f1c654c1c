export type * from "./api.ts";
export { type Clock, systemClock } from "./clock.ts";
export { leaveUnjudged } from "./leave-unjudged.ts";
export { createReplica } from "./log-replica.ts";
export { NodeProducer } from "./node-producer.ts";
export { DEFAULT_REPLICA_LIMITS } from "./options.ts";
export type { ReplicaLimits, ReplicaLogger, ReplicaOptions } from "./options.ts";
export { TOPICS, topicSpecs } from "./topics.ts";

// What the keeper shares: it follows partitions and reads heads as every replica does.
export { recordAppender } from "./record-appender.ts";
export { entryKeyText } from "./entry-key.ts";
export { checkRules } from "./errors.ts";
export { readHead } from "./head-reader.ts";
export { type PartitionFollower, PartitionTail } from "./partition-tail.ts";
export { Publications } from "./publications.ts";
export type { RawRecord } from "./ring.ts";
export { readRecords } from "./session-records.ts";
export { type IndexObserver, SessionIndex } from "./session-index.ts";
