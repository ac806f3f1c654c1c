import { newSession, PerdureError, type RuleBook } from "@perdure/core";
import { type Log, LogError } from "@perdure/log";
import type { IndexEntryJson } from "@perdure/protocol";
import { entryKeyText } from "./entry-key.ts";
import { catchingUp, historyLost } from "./errors.ts";
import { readHead } from "./head-reader.ts";
import type { Ring } from "./ring.ts";
import type { SessionFold, SessionFoldParts } from "./session-fold.ts";
import type { SessionIndex } from "./session-index.ts";
import { readRecords } from "./session-records.ts";
import { TOPICS } from "./topics.ts";

export interface LoaderParts {
  readonly log: Pick<Log, "read">;
  readonly partition: number;
  readonly index: SessionIndex;
  readonly ring: Ring;
  readonly book: RuleBook;
  readonly retryAfterMs: number;
  readonly newFold: (parts: Pick<SessionFoldParts, "sessionKey" | "state">) => SessionFold;
}

type Adopt = (session: SessionFold) => SessionFold;

const LOADS_TRIED = 5;
const REREAD_BYTES = 1024 * 1024;

/** Brings sessions of one partition from the log into memory: the head, then the ring's records past what it covers. */
export class SessionLoader {
  readonly #parts: LoaderParts;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /**
   * The session at the end of the ring; `adopt` is called in the same tick, so that no record comes in between. It
   * answers the session that counts: another one, where a load that began later was first.
   * Throws `catching_up`, `set_aside`, `rules_too_new`, `history_lost`, and LogError.
   */
  async load(sessionKey: string, adopt: Adopt): Promise<SessionFold> {
    for (let tried = 0; tried < LOADS_TRIED; tried += 1) {
      const session = await this.#tryLoad(sessionKey, adopt);
      if (session !== undefined) return session;
      await this.#parts.index.current();
    }
    throw catchingUp(
      `the head of ${sessionKey} is not where the index says: it moves on, or is lost`,
      this.#parts.retryAfterMs,
    );
  }

  /** Undefined: the head has moved in the meantime. */
  async #tryLoad(sessionKey: string, adopt: Adopt): Promise<SessionFold | undefined> {
    const mark = this.#parts.index.mark(sessionKey);
    const entry = this.#parts.index.get(sessionKey);
    const session = await this.#fromHead(sessionKey, entry);
    if (session === undefined) return undefined;
    if (entry?.unjudgedFrom !== undefined) await this.#readUnjudged(session, Number(entry.unjudgedFrom));
    while (this.#ringReaches(session, mark)) {
      const missing = this.#foldRing(session);
      if (session.lost !== undefined) throw session.lost;
      if (missing === undefined) return adopt(session);
      await this.#reread(session, missing);
    }
    return undefined;
  }

  async #fromHead(sessionKey: string, entry: IndexEntryJson | undefined): Promise<SessionFold | undefined> {
    if (entry === undefined) return this.#parts.newFold({ sessionKey, state: newSession() });
    if (entry.setAside !== undefined) {
      throw new PerdureError("set_aside", `${sessionKey} cannot be folded past offset ${entry.setAside}`);
    }
    const state = await readHead(this.#parts.log, this.#parts.partition, sessionKey, entry, this.#parts.book);
    return state === undefined ? undefined : this.#parts.newFold({ sessionKey, state });
  }

  /** What the watermark has passed although no head covers it, up to where the ring begins. */
  async #readUnjudged(session: SessionFold, from: number): Promise<void> {
    const { log, partition, ring } = this.#parts;
    const { sessionKey } = session;
    const records = readRecords({ log, partition, sessionKey }, from, () => ring.start);
    for await (const record of records) session.take(record);
    if (session.lost !== undefined) throw session.lost;
  }

  /**
   * Whether the ring goes on where the session's state ends. Where the index entry is still the one that was read,
   * nothing of this session lies between what its head covers and the watermark.
   */
  #ringReaches(session: SessionFold, mark: string | undefined): boolean {
    const { index, ring, partition, retryAfterMs } = this.#parts;
    const unchanged = index.mark(session.sessionKey) === mark;
    const complete = unchanged ? Math.max(session.covered, index.watermark) : session.covered;
    if (ring.start <= complete + 1) return true;
    if (!unchanged) return false;
    throw catchingUp(`partition ${partition} has more uncovered records than the ring holds`, retryAfterMs);
  }

  /** Folds what the ring has; the offset of the first record whose bytes it no longer has, where that stops it. */
  #foldRing(session: SessionFold): number | undefined {
    for (const { offset, timeMs, value } of this.#parts.ring.after(session.sessionKey, session.covered)) {
      if (value === undefined) return offset;
      session.take({ offset, timeMs, value });
    }
    return undefined;
  }

  async #reread(session: SessionFold, offset: number): Promise<void> {
    const { log, partition, index, ring } = this.#parts;
    const { sessionKey } = session;
    try {
      const entries = await log.read(TOPICS.events, partition, offset, { maxBytes: REREAD_BYTES });
      for (const entry of entries) {
        if (entry.value === null || entryKeyText(entry) !== sessionKey) continue;
        session.take({ offset: entry.offset, timeMs: entry.timeMs, value: entry.value });
      }
    } catch (error) {
      if (!(error instanceof LogError && error.code === "offset_trimmed")) throw error;
      // Trimmed by a keeper: the watermark went before it, the ring says so too, and the load begins from a newer head.
      await index.current();
      if (ring.start <= offset) throw historyLost(sessionKey);
    }
  }
}
