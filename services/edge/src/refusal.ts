import { type Code, CODES, isCode, PerdureError, STATUSES } from "@perdure/core";
import { LogError } from "@perdure/log";
import { ProtocolError } from "@perdure/protocol";
import type { Logger } from "@perdure/service-kit";

/** What a client is told of something that did not work. */
export interface Refusal {
  readonly code: Code;
  /** For people; says what to do next. */
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** Where a retryable failure does not say when to come back, in milliseconds. */
const RETRY_AFTER_MS = 500;

/** What a caught error means to a client. One that is not typed is logged, and the client learns nothing of it but the code. */
export function refusalOf(error: unknown, logger: Pick<Logger, "error">): Refusal {
  // This node's log is closed when it stops, which another node need not.
  if (error instanceof LogError && error.code === "closed") return refuse("unavailable");
  const known = error instanceof PerdureError || error instanceof LogError || error instanceof ProtocolError;
  const code: Code = known && isCode(error.code) ? error.code : "internal";
  const message = known && isCode(error.code) ? error.message : STATUSES.internal.meaning;
  if (code === "internal") logger.error({ err: error }, "something went wrong that nobody expected");
  const retryAfterMs = error instanceof PerdureError || error instanceof LogError ? error.retryAfterMs : undefined;
  return refuse(code, message, retryAfterMs);
}

/** A refusal with the table's words, unless there are better ones. */
export function refuse(code: Code, message: string = STATUSES[code].meaning, retryAfterMs?: number): Refusal {
  if (!CODES[code].retryable) return { code, message };
  return { code, message, retryAfterMs: retryAfterMs ?? RETRY_AFTER_MS };
}
