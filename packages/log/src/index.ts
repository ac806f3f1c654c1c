export * from "./port.ts";
export { partitionOf } from "./partition.ts";
export { LaneQueue } from "./lane-queue.ts";
export type { QueuedItem } from "./lane-queue.ts";
export * from "./passing-map.ts";
export { checkedSizeBytes, entrySizeBytes, logLimits } from "./limits.ts";
export type { LogLimits } from "./limits.ts";
export { openLatest } from "./latest.ts";
export { Turns } from "./turns.ts";
