export type * from "./api.ts";
export { type Clock, systemClock } from "./clock.ts";
export { createReplica } from "./log-replica.ts";
export { DEFAULT_REPLICA_LIMITS } from "./options.ts";
export type { ReplicaLimits, ReplicaLogger, ReplicaOptions } from "./options.ts";
export { TOPICS, topicSpecs } from "./topics.ts";
