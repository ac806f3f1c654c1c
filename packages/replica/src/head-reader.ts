import { fromHead, newSession, type RuleBook, type SessionState } from "@perdure/core";
import { type Entry, type Log, LogError, type LogErrorCode } from "@perdure/log";
import { decodeHead, type IndexEntryJson } from "@perdure/protocol";
import { entryKeyText } from "./entry-key.ts";
import { checkRules, readable } from "./errors.ts";
import { TOPICS } from "./topics.ts";

/** The log begins after the offset, or ends before it. */
const OUTSIDE: ReadonlySet<LogErrorCode> = new Set<LogErrorCode>(["offset_trimmed", "offset_future"]);

/**
 * The state that an index entry points at; undefined where that head is not in the log: a compaction has removed it,
 * because a later one is there (read the index again), or it is lost. Throws LogError, `set_aside`, `rules_too_new`.
 */
export async function readHead(
  log: Pick<Log, "read">,
  partition: number,
  sessionKey: string,
  entry: IndexEntryJson,
  book: RuleBook,
): Promise<SessionState | undefined> {
  checkRules(sessionKey, entry.needsRules ?? 0, book);
  if (Number(entry.covered ?? 0) < 0) return newSession();
  const offset = Number(entry.headOffset ?? 0);
  const found = await entryAt(log, partition, offset);
  if (found?.offset !== offset || found.value === null || entryKeyText(found) !== sessionKey) return undefined;
  const { value } = found;
  const head = readable(sessionKey, "head", () => decodeHead(value));
  if (head.epoch !== entry.epoch) return undefined;
  const state = fromHead(head);
  checkRules(sessionKey, state.rules, book);
  return state;
}

async function entryAt(log: Pick<Log, "read">, partition: number, offset: number): Promise<Entry | undefined> {
  try {
    const [found] = await log.read(TOPICS.heads, partition, offset, { maxBytes: 1 });
    return found;
  } catch (error) {
    if (error instanceof LogError && OUTSIDE.has(error.code)) return undefined;
    throw error;
  }
}
