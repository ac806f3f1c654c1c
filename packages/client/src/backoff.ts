/** How long to wait before the next attempt. */
export interface BackoffSettings {
  /** Upper end of the first delay, in milliseconds. */
  readonly baseDelayMs: number;
  /** Upper end of every delay, in milliseconds. */
  readonly maxDelayMs: number;
}

/**
 * Full jitter (AWS Architecture Blog, "Exponential Backoff and Jitter"): anywhere between 0 and a bound that doubles
 * with every failure. Where the server said when to come back, the same spread begins there. `chance` is from [0, 1).
 */
export function delayAfter(
  attempt: number,
  chance: number,
  retryAfterMs: number | undefined,
  settings: BackoffSettings,
): number {
  const bound = Math.min(settings.maxDelayMs, settings.baseDelayMs * 2 ** Math.min(attempt, 30));
  return Math.round((retryAfterMs ?? 0) + chance * bound);
}
