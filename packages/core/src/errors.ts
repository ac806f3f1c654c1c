import type { Code } from "./codes.ts";

/** What an error may carry beside its code. */
export interface PerdureErrorDetails {
  /** Not before, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** With `already_decided`: who was first. */
  readonly winner?: string;
  /** With `producer_gap`: the number to go on from. */
  readonly expected?: number;
  readonly cause?: unknown;
}

/** The typed error of everything outside the log's adapters. The message says what to do next. */
export class PerdureError extends Error {
  readonly code: Code;
  readonly retryAfterMs: number | undefined;
  readonly winner: string | undefined;
  readonly expected: number | undefined;

  constructor(code: Code, message: string, details: PerdureErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "PerdureError";
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.winner = details.winner;
    this.expected = details.expected;
  }
}
