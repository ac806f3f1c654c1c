import { Metadata } from "@grpc/grpc-js";
import type { StatusObject } from "@grpc/grpc-js";
import { type Code, CODES, isCode, PerdureError, STATUSES } from "@perdure/core";
import type { Refused, Verdict } from "@perdure/core";
import { LogError } from "@perdure/log";
import { ProtocolError } from "@perdure/protocol";

/** Where a retryable failure does not say when to come back, in milliseconds. */
const RETRY_AFTER_MS = 500;

/** What a caller is told of something that did not work: only typed errors are shown, of others the code. */
export function refusalOf(error: unknown): PerdureError {
  const known = error instanceof PerdureError || error instanceof LogError || error instanceof ProtocolError;
  // This node's log is closed when it stops, which another node need not.
  const stops = error instanceof LogError && error.code === "closed";
  const code: Code = known && isCode(error.code) && !stops ? error.code : known ? "unavailable" : "internal";
  const message = known ? error.message : STATUSES.internal.meaning;
  const retryAfterMs = error instanceof PerdureError || error instanceof LogError ? error.retryAfterMs : undefined;
  const winner = error instanceof PerdureError ? error.winner : undefined;
  const expected = error instanceof PerdureError ? error.expected : undefined;
  return new PerdureError(code, message, {
    ...(CODES[code].retryable && { retryAfterMs: retryAfterMs ?? RETRY_AFTER_MS }),
    ...(winner !== undefined && { winner }),
    ...(expected !== undefined && { expected }),
    cause: error,
  });
}

/** The error of a verdict that is a refusal; undefined: it counts. */
export function refusedBy(verdict: Verdict): PerdureError | undefined {
  if (verdict.kind === "rejected") return rejected(verdict);
  if (verdict.kind !== "duplicate" || verdict.code === undefined) return undefined;
  return new PerdureError(verdict.code, STATUSES[verdict.code].meaning);
}

function rejected({ code, winner, expected }: Refused): PerdureError {
  return new PerdureError(code, STATUSES[code].meaning, {
    ...(winner !== undefined && { winner }),
    ...(expected !== undefined && { expected }),
  });
}

/** How a call ends with a refusal: the status mapped from the code, which stands with its details in the trailers. */
export function statusOf(error: unknown): Pick<StatusObject, "code" | "details" | "metadata"> {
  const { code, message, retryAfterMs, winner, expected } = refusalOf(error);
  const metadata = new Metadata();
  metadata.set("perdure-code", code);
  if (retryAfterMs !== undefined) metadata.set("perdure-retry-after-ms", String(retryAfterMs));
  if (winner !== undefined) metadata.set("perdure-winner", encodeURIComponent(winner));
  if (expected !== undefined) metadata.set("perdure-expected", String(expected));
  // A status' text goes through HTTP headers, which take ASCII (grpc-js percent-encodes the rest).
  return { code: STATUSES[code].grpcStatus, details: message, metadata };
}
