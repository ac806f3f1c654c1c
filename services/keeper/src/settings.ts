/** How a keeper works: what it holds in memory at most, and when it acts. Bytes are record bytes unless said otherwise. */
export interface KeeperSettings {
  /** Name of this process in leases, and as the writer of derived events. */
  readonly node: string;
  /** Partitions of `events`. */
  readonly partitions: number;
  /** How long after its first uncovered record a session is checkpointed. */
  readonly checkpointMs: number;
  /** Uncovered bytes of a partition past which it is checkpointed at once. */
  readonly checkpointBytes: number;
  /** Uncovered bytes of a partition past which its tail waits for a checkpoint. */
  readonly uncoveredBytesMax: number;
  /** Bytes of heads and pages that go into one checkpoint; at least one session does. */
  readonly checkpointBatchBytes: number;
  /** Heads of one partition that are read at the same time. */
  readonly loadsAtOnce: number;
  /** How long a session with nothing to do is kept in memory. */
  readonly sessionIdleMs: number;
  /** Sessions of a partition that are kept in memory with nothing to do. */
  readonly sessionsKept: number;
  /** How long records stay in `events` after heads cover them. */
  readonly eventsKeptMs: number;
  /** How often the oldest records are removed. */
  readonly trimMs: number;
  /** Sessions of a partition, a second, whose rules are raised once every live node knows the next version. */
  readonly upgradesPerSecond: number;
  /** How often a node renews its lease. */
  readonly beatMs: number;
  readonly leaseMs: number;
  /** How long more than half of the nodes, silent at once, are waited for before they are declared dead; 0: not. */
  readonly expiryHoldMs: number;
  /** How long after a failure something is tried again. */
  readonly retryMs: number;
  /** The highest version of the rules that this node says it knows: sessions are upgraded no further. */
  readonly rulesMax: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_KEEPER_SETTINGS: Omit<KeeperSettings, "node" | "partitions"> = {
  // With the time that a checkpoint takes, within 10 s.
  checkpointMs: 8_000,
  checkpointBytes: 8 * MIB,
  uncoveredBytesMax: 32 * MIB,
  checkpointBatchBytes: 4 * MIB,
  loadsAtOnce: 16,
  sessionIdleMs: 60_000,
  sessionsKept: 2_000,
  eventsKeptMs: 7 * 24 * 60 * 60 * 1000,
  trimMs: 10 * 60 * 1000,
  upgradesPerSecond: 100,
  beatMs: 2_000,
  leaseMs: 6_000,
  expiryHoldMs: 30_000,
  retryMs: 1_000,
  rulesMax: Number.MAX_SAFE_INTEGER,
};
