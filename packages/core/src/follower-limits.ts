/** Those caps that whoever only follows a session keeps to as well, so that what has left its state leaves theirs. */
export interface FollowerLimits {
  readonly eventsPerRecord: number;
  /** Numbers of one producer whose verdicts are remembered, and so the most it may have in flight. */
  readonly producerWindow: number;
  readonly participants: number;
  readonly agents: number;
  readonly usageTotals: number;
  readonly usageResponseIds: number;
  readonly tombstones: number;
  readonly expiredNodes: number;
  /** Text of one document. */
  readonly documentBytes: number;
}

/** The defaults. */
export const FOLLOWER_LIMITS: FollowerLimits = Object.freeze({
  eventsPerRecord: 64,
  producerWindow: 1024,
  participants: 1024,
  agents: 256,
  usageTotals: 64,
  usageResponseIds: 256,
  tombstones: 1024,
  expiredNodes: 64,
  documentBytes: 256 * 1024,
});
