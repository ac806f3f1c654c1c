import { isCode, PerdureError, type PerdureErrorDetails } from "@perdure/core";
import type { ErrorFrame } from "@perdure/protocol/frames";
import type { Failure } from "./connection-state.ts";

/** The error of what was refused with a word that may be of a later version: `internal` then. */
export const refusal = (code: string, message: string = code, details?: PerdureErrorDetails): PerdureError =>
  new PerdureError(isCode(code) ? code : "internal", message, details);

/** Close codes from here on say that connecting again cannot help. */
const TERMINAL_FROM = 4500;
const TERMINAL_TO = 4999;

/** What a closed socket means. An edge's close has the code as its reason, and often an `error` frame before it. */
export function closeFailure(closeCode: number, reason: string, error?: ErrorFrame): Failure {
  const byEdge = closeCode >= 4000 && closeCode <= TERMINAL_TO && reason !== "";
  const code = byEdge ? reason : "connection_lost";
  const told = error?.code === code ? error : undefined;
  return {
    code,
    message: told?.message ?? (byEdge ? `the server closed the connection: ${code}` : "the connection broke"),
    retryable: !(closeCode >= TERMINAL_FROM && closeCode <= TERMINAL_TO),
    ...(told?.retryAfterMs !== undefined && { retryAfterMs: told.retryAfterMs }),
  };
}

/** The app's `getToken` threw: the app's backend may be back soon, so the client goes on trying. */
export function tokenFailure(error: unknown): Failure {
  const reason = error instanceof Error ? error.message : String(error);
  return { code: "token_unavailable", message: `getToken failed: ${reason}`, retryable: true };
}
