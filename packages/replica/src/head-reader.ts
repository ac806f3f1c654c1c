import { fromHead, newSession, type RuleBook, type SessionState } from "@perdure/core";
import type { Log } from "@perdure/log";
import { decodeHead, type IndexEntryJson } from "@perdure/protocol";
import { entryKeyText } from "./entry-key.ts";
import { checkRules, readable } from "./errors.ts";
import { TOPICS } from "./topics.ts";

/**
 * The state that an index entry points at; undefined where a compaction has removed that head, because a later one is
 * in the log: read the index again. Throws LogError, `set_aside`, `rules_too_new`.
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
  const [found] = await log.read(TOPICS.heads, partition, offset, { maxBytes: 1 });
  if (found?.offset !== offset || found.value === null || entryKeyText(found) !== sessionKey) return undefined;
  const { value } = found;
  const head = readable(sessionKey, "head", () => decodeHead(value));
  if (head.epoch !== entry.epoch) return undefined;
  const state = fromHead(head);
  checkRules(sessionKey, state.rules, book);
  return state;
}
