import type { RuleBook } from "@perdure/core";
import type { Log } from "@perdure/log";
import type { Clock } from "./clock.ts";

/** What a replica holds in memory at most, and how long. Bytes are those of records as they stand in the log. */
export interface ReplicaLimits {
  /** Record bytes that one partition's ring keeps; past it only the records' offsets are kept. */
  readonly ringBytes: number;
  /** Records whose offsets one partition's ring keeps; past it attach answers `catching_up`. */
  readonly ringRecords: number;
  /** Accepted records that one session keeps for clients that come back. */
  readonly recentRecords: number;
  /** The same, in bytes. */
  readonly recentBytes: number;
  /** Pages that one session keeps until they are in the log, in bytes of their JSON text. */
  readonly unwrittenPageBytes: number;
  /** Sessions held at once; past it the one that has been idle longest goes, or attach answers `unavailable`. */
  readonly sessions: number;
  /** How long a session is kept after the last hold on it ended. */
  readonly sessionIdleMs: number;
  /** How long a partition is followed after its last session went. */
  readonly partitionIdleMs: number;
  /** How long one attach may take before it answers `catching_up`. */
  readonly attachMs: number;
  /** What a refused caller is told to wait. */
  readonly retryAfterMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_REPLICA_LIMITS: ReplicaLimits = {
  ringBytes: 16 * MIB,
  ringRecords: 500_000,
  recentRecords: 2_048,
  recentBytes: MIB / 2,
  unwrittenPageBytes: MIB / 2,
  sessions: 20_000,
  sessionIdleMs: 30_000,
  partitionIdleMs: 60_000,
  attachMs: 10_000,
  retryAfterMs: 500,
};

/** Where a replica says what an operator should know. A pino logger is one. */
export interface ReplicaLogger {
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface ReplicaOptions {
  readonly log: Log;
  /** Partitions of `events`. */
  readonly partitions: number;
  readonly logger: ReplicaLogger;
  /** Default: the system's. */
  readonly clock?: Clock;
  readonly limits?: Partial<ReplicaLimits>;
  /** The rules that this process judges by. Default: all that the code knows. */
  readonly book?: RuleBook;
  /** The version under which sessions begin that are created through this process. Default: the first. */
  readonly newSessionRules?: () => number;
}
