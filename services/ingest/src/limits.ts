/** What one ingest node takes on at most, and how long it waits. Bytes are those of messages as they stand on the wire. */
export interface IngestLimits {
  /** Longest message taken. */
  readonly maxMessageBytes: number;
  /** Records of one stream that have no verdict yet. */
  readonly windowBytes: number;
  /** What may wait for one agent before it counts as too slow. */
  readonly maxOutgoingBytes: number;
  readonly streams: number;
  readonly sessionsPerStream: number;
  /** Sessions and pools, a second, that are told again that an agent is here: all of them, in another life of the node. */
  readonly announcesPerSecond: number;
  /** Time for the first message of a stream, in milliseconds. */
  readonly helloMs: number;
  /** How often an agent beats, in milliseconds. Lost after three that did not come. */
  readonly heartbeatMs: number;
  /** From this delay on a main loop counts as busy, in milliseconds. */
  readonly busyMs: number;
  /** How long a lost agent may take to come back, as told to agents, in milliseconds. Sessions have the last word. */
  readonly graceMs: number;
  /** Streams that were asked to move may be gone for so long before others are told of a loss, in milliseconds. */
  readonly movedMs: number;
  /** A draining node gives its agents this long to go elsewhere, in milliseconds. */
  readonly moveWindowMs: number;
  /** How long a node that stops goes on trying to write that its agents are lost; then the end of its lease says so. */
  readonly lossWrittenMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_INGEST_LIMITS: IngestLimits = {
  maxMessageBytes: MIB,
  windowBytes: MIB,
  maxOutgoingBytes: 32 * MIB,
  streams: 10_000,
  sessionsPerStream: 10_000,
  announcesPerSecond: 1_000,
  helloMs: 5_000,
  heartbeatMs: 2_000,
  busyMs: 1_000,
  graceMs: 10_000,
  movedMs: 3_000,
  moveWindowMs: 2_000,
  lossWrittenMs: 10_000,
};

/** Missed heartbeats that make a loss. */
export const MISSED_BEATS = 3;
