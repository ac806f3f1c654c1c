import { PerdureError, type RuleBook } from "@perdure/core";

/** When to look for a node that knows the rules: not at once, since all who followed the session here are sent away. */
const RULES_RETRY_MS = 1_000;

/** The session cannot be folded past `offset`. Rules that are too new keep their own code: another node may know them. */
export function unfoldable(sessionKey: string, offset: number, cause: unknown): PerdureError {
  if (cause instanceof PerdureError && cause.code === "rules_too_new") return cause;
  return new PerdureError("set_aside", `${sessionKey} cannot be folded past offset ${offset}: it waits for repair`, {
    cause,
  });
}

/** Throws `rules_too_new` where the session follows later rules than this process knows. */
export function checkRules(sessionKey: string, rules: number, book: RuleBook): void {
  if (rules <= book.length) return;
  const message = `${sessionKey} follows rules ${rules}, this node knows ${book.length}: connect to another`;
  throw new PerdureError("rules_too_new", message, { retryAfterMs: RULES_RETRY_MS });
}

/** What `decode` returns; throws `set_aside` where the log has bytes that are not what they should be. */
export function readable<Result>(sessionKey: string, what: string, decode: () => Result): Result {
  try {
    return decode();
  } catch (cause) {
    throw new PerdureError("set_aside", `the ${what} of ${sessionKey} is not readable: it waits for repair`, { cause });
  }
}

export function catchingUp(what: string, retryAfterMs: number): PerdureError {
  return new PerdureError("catching_up", `${what}: try again in ${retryAfterMs} ms`, { retryAfterMs });
}

/** What a caller is told when the log fails or this process is full; a PerdureError stays what it is. */
export function unavailable(cause: unknown, retryAfterMs: number): PerdureError {
  if (cause instanceof PerdureError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new PerdureError("unavailable", `${message}; try again in ${retryAfterMs} ms`, { retryAfterMs, cause });
}

export function historyLost(what: string): PerdureError {
  return new PerdureError(
    "history_lost",
    `records of ${what} left the log before heads covered them: look at the retention of the events topic`,
  );
}
