import { isCode, PerdureError, STATUSES } from "@perdure/core";
import type { Code, PerdureErrorDetails } from "@perdure/core";

/** A refusal as a node told it: code and winner. An unknown word, from a newer node, is `internal`. */
export function refusal(word: string, winner = "", details: PerdureErrorDetails = {}): PerdureError {
  const code: Code = isCode(word) ? word : "internal";
  const meaning: string = isCode(word) ? STATUSES[word].meaning : `The node refused with ${word}, unknown to this SDK.`;
  return new PerdureError(code, meaning, { ...details, ...(winner === "" ? {} : { winner }) });
}

/** After one of these nothing that an attempt writes is accepted any more. */
const ATTEMPT_ENDING: ReadonlySet<Code> = new Set<Code>([
  "fenced",
  "attempt_required",
  "run_ended",
  "session_closed",
  "session_replaced",
  "session_not_found",
  "participant_removed",
  "forbidden_session",
  "agent_not_here",
  "producer_expired",
  "history_lost",
  "set_aside",
]);

export const endsAttempt = (error: PerdureError): boolean => ATTEMPT_ENDING.has(error.code);
