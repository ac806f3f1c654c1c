import { FOLLOWER_LIMITS, type FollowerLimits } from "./follower-limits.ts";

/**
 * Every cap of a session's state. All nodes of an installation must use the same ones, since they decide verdicts.
 * Bytes are UTF-8, times are milliseconds of the log's clock.
 */
export interface Limits extends FollowerLimits {
  /** Writers that the ledger remembers; the one silent for longest goes first. */
  readonly producers: number;
  /** Ranges of refused numbers remembered over all producers. */
  readonly refusals: number;
  /** Of the participants, how many may be remembered as removed. With members and agents less than `participants`. */
  readonly removedParticipants: number;
  readonly members: number;
  /** Members from which on further observers are counted by their nodes. */
  readonly listedMembers: number;
  /** Nodes that count observers. */
  readonly observerNodes: number;
  readonly openMessages: number;
  readonly partsPerMessage: number;
  readonly annotationsPerPart: number;
  readonly unfinishedRuns: number;
  readonly stepsPerRun: number;
  readonly unsettledRequests: number;
  readonly unsettledControls: number;
  readonly documents: number;
  readonly budgets: number;
  readonly poolQueue: number;
  /** All text of one open message. */
  readonly messageBytes: number;
  /** All text of one run with its steps. */
  readonly runBytes: number;
  /** Text of a part that may be changed by JSON Patch. */
  readonly patchedPartBytes: number;
  /** Weight of all documents. */
  readonly documentsBytes: number;
  /** Weight of everything that is not settled: open messages, unfinished runs, undecided requests and signals. */
  readonly heldBytes: number;
  /** Past this weight of settled items the oldest leave, until `settledKeptBytes` remain. */
  readonly settledBytes: number;
  readonly settledKeptBytes: number;
  /** What one page may weigh, unless a single part or run is larger. */
  readonly pageBytes: number;
  /** A head in protobuf, at worst: the log's largest entry, less room for its key. */
  readonly headBytes: number;
  /** How long a lost agent may take to come back, where the session's policy does not say. */
  readonly agentGraceMs: number;
  /** How long an agent may take to obey a cancel, where the session's policy does not say. */
  readonly cancelGraceMs: number;
  /** How long an operator who has the floor may have no connection, where the session's policy does not say. */
  readonly takeoverGraceMs: number;
  /** How long an instance may take to take an offer of its pool. */
  readonly offerTimeoutMs: number;
}

/** The defaults. */
export const LIMITS: Limits = Object.freeze({
  ...FOLLOWER_LIMITS,
  producers: 4096,
  refusals: 8192,
  removedParticipants: 255,
  members: 512,
  listedMembers: 256,
  observerNodes: 256,
  openMessages: 128,
  partsPerMessage: 256,
  annotationsPerPart: 64,
  unfinishedRuns: 256,
  stepsPerRun: 256,
  unsettledRequests: 256,
  unsettledControls: 256,
  documents: 32,
  budgets: 16,
  poolQueue: 10_000,
  messageBytes: 512 * 1024,
  runBytes: 512 * 1024,
  patchedPartBytes: 64 * 1024,
  documentsBytes: 384 * 1024,
  heldBytes: 2 * 1024 * 1024,
  settledBytes: 64 * 1024,
  settledKeptBytes: 32 * 1024,
  pageBytes: 64 * 1024,
  headBytes: 8 * 1024 * 1024 - 4096,
  agentGraceMs: 10_000,
  cancelGraceMs: 10_000,
  takeoverGraceMs: 120_000,
  offerTimeoutMs: 10_000,
});
