/** What one edge node takes on at most, and how long it waits. */
export interface EdgeLimits {
  /** Longest frame taken, in bytes; up to four times as much is answered with `frame_too_large`, more is cut off. */
  readonly maxFrameBytes: number;
  /**
   * What may wait for one client, in bytes; past it, it is not sent what happens until it has taken most of that. In
   * memory it costs up to twice as much, since uWebSockets' buffers grow by doubling.
   */
  readonly maxBufferedBytes: number;
  /** What may wait for it beyond that in answers to what it asks and sends, in bytes. */
  readonly maxAnswerBytes: number;
  /** Requests of one connection that wait for their answer. */
  readonly pendingAnswers: number;
  readonly connections: number;
  readonly sessionsPerConnection: number;
  /** Records of one connection that have no verdict yet. */
  readonly unackedSends: number;
  readonly unackedBytes: number;
  /** Connections taken per second before newcomers are told when to come back. */
  readonly connectionsPerSecond: number;
  /** Sessions whose members join again, a second, when the node begins another life. */
  readonly rejoinsPerSecond: number;
  /** Attaches that wait for a session to be loaded, over all connections. */
  readonly pendingAttaches: number;
  /** Time for the first frame, in milliseconds. */
  readonly helloMs: number;
  /** After this silence the edge pings, in milliseconds. */
  readonly pingAfterMs: number;
  /** After this silence a connection is dead, in milliseconds. */
  readonly silenceMs: number;
  /** After this silence clients are asked to ping, in milliseconds. */
  readonly beatMs: number;
  /** A member whose connection broke has left after this, unless it is back, in milliseconds. */
  readonly settleMs: number;
  /** The most often that a node writes how many observers of a session it counts, in milliseconds. */
  readonly observerCountMs: number;
  /** How long a slow client may take over what waits for it before it is closed, in milliseconds. */
  readonly lagMs: number;
  /** Longest time that a refused newcomer is told to wait, in milliseconds. */
  readonly maxRetryAfterMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_EDGE_LIMITS: EdgeLimits = {
  maxFrameBytes: MIB,
  maxBufferedBytes: MIB / 32,
  maxAnswerBytes: MIB / 4,
  pendingAnswers: 256,
  connections: 50_000,
  sessionsPerConnection: 64,
  unackedSends: 256,
  unackedBytes: 4 * MIB,
  connectionsPerSecond: 2_000,
  // Each is a record or more: half of what newcomers may write.
  rejoinsPerSecond: 1_000,
  pendingAttaches: 10_000,
  helloMs: 5_000,
  pingAfterMs: 5_000,
  silenceMs: 15_000,
  beatMs: 10_000,
  settleMs: 2_000,
  observerCountMs: 2_000,
  lagMs: 30_000,
  maxRetryAfterMs: 30_000,
};
