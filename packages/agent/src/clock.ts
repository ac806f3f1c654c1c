/** Time as this package asks for it, so that a test can own it. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls once after the delay; the returned function takes it back. */
  after(delayMs: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};
