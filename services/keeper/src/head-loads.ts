import { newSession, PerdureError, type RuleBook } from "@perdure/core";
import type { IndexEntryJson } from "@perdure/protocol";
import { type Log, LogError } from "@perdure/log";
import { type Clock, type RawRecord, readHead, readRecords, type SessionIndex } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import { saysOwing } from "./index-entry.ts";
import type { KeptSession } from "./kept-session.ts";

export interface HeadLoadsParts {
  readonly log: Pick<Log, "read">;
  readonly partition: number;
  readonly index: SessionIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly book: RuleBook;
  /** Where the partition's tail begins. */
  readonly tailStart: () => number;
  readonly atOnce: number;
  readonly retryMs: number;
  /** Its head is here, or the reason why not: its status says. `bytes`: by which it is less covered than it was. */
  readonly onLoaded: (session: KeptSession, bytes: number) => void;
}

const LOADS_TRIED = 5;
/**
 * For how long a head that the index names may be missing, while the log answers. A checkpoint that has been decided
 * reaches every partition within seconds; a leader that changes meanwhile makes some tens of them.
 */
const HEAD_MISSING_MS = 60_000;

/** A head is missed: the index entry that names it, and since when. */
interface Missed {
  readonly mark: string | undefined;
  readonly sinceMs: number;
}

/** Reads heads for sessions that are needed, some at a time. The partition goes on meanwhile. */
export class HeadLoads {
  readonly #parts: HeadLoadsParts;
  readonly #waiting = new Set<KeptSession>();
  readonly #retries = new Map<KeptSession, () => void>();
  readonly #missed = new Map<KeptSession, Missed>();
  #running = 0;
  #closed = false;

  constructor(parts: HeadLoadsParts) {
    this.#parts = parts;
  }

  request(session: KeptSession): void {
    this.#waiting.add(session);
    this.#next();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    for (const cancel of this.#retries.values()) cancel();
    this.#retries.clear();
    this.#missed.clear();
  }

  #next(): void {
    for (const session of this.#waiting) {
      if (this.#running >= this.#parts.atOnce) return;
      this.#waiting.delete(session);
      this.#running += 1;
      void this.#load(session).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #load(session: KeptSession): Promise<void> {
    let bytes: number | undefined;
    try {
      for (let tried = 1; (bytes = await this.#tryLoad(session)) === undefined; tried += 1) {
        if (tried === LOADS_TRIED) throw this.#missing(session);
        await this.#parts.index.current();
      }
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof LogError) return this.#later(session, error);
      const status = error instanceof PerdureError && error.code === "rules_too_new" ? error.code : "set_aside";
      session.stop(status, this.#unfoldedFrom(session), error);
    }
    this.#missed.delete(session);
    if (!this.#closed) this.#parts.onLoaded(session, bytes ?? 0);
  }

  /** What to make of a head that is not there: it is tried again, until it has been missing for too long. */
  #missing(session: KeptSession): LogError | PerdureError {
    const { index, clock } = this.#parts;
    const mark = index.mark(session.key);
    const nowMs = clock.now();
    const missed = this.#missed.get(session);
    const sinceMs = missed !== undefined && missed.mark === mark ? missed.sinceMs : nowMs;
    this.#missed.set(session, { mark, sinceMs });
    const message = "the index names a head that is not in the log";
    if (nowMs - sinceMs < HEAD_MISSING_MS) return new LogError("corrupt", message);
    return new PerdureError("set_aside", `${message}: look at what became of the heads topic`);
  }

  /** Offset of the first record that the session's head does not cover. */
  #unfoldedFrom({ key, uncovered }: KeptSession): number {
    return Number(this.#parts.index.find(key)?.unjudgedFrom ?? uncovered?.offset ?? 0);
  }

  /**
   * The bytes by which the session is less covered than it was. Undefined: the head that the index names is not in the
   * log.
   */
  async #tryLoad(session: KeptSession): Promise<number | undefined> {
    const { log, partition, index, book } = this.#parts;
    const entry = index.get(session.key);
    if (entry === undefined) return session.loaded(newSession(), true);
    if (entry.setAside !== undefined) {
      session.foundSetAside(Number(entry.setAside));
      return 0;
    }
    if ((entry.needsRules ?? 0) > book.length) {
      session.foundUnjudged(Number(entry.unjudgedFrom ?? 0));
      return 0;
    }
    const state = await readHead(log, partition, session.key, entry, book);
    if (state === undefined) return undefined;
    const unjudged = await this.#unjudged(session.key, entry);
    return this.#closed ? 0 : session.loaded(state, !saysOwing(entry), unjudged);
  }

  /** What no head covers although the watermark has passed it. */
  async #unjudged(sessionKey: string, { unjudgedFrom }: IndexEntryJson): Promise<RawRecord[]> {
    if (unjudgedFrom === undefined) return [];
    const { log, partition, tailStart } = this.#parts;
    const records: RawRecord[] = [];
    for await (const record of readRecords({ log, partition, sessionKey }, Number(unjudgedFrom), tailStart)) {
      records.push(record);
    }
    return records;
  }

  #later(session: KeptSession, error: LogError): void {
    const { clock, logger, retryMs, partition } = this.#parts;
    // Whether it is missing is not known while the log does not answer.
    if (error.code !== "corrupt") this.#missed.delete(session);
    logger.warn({ partition, session: session.key, err: error }, "a head could not be read and is tried again");
    const cancel = clock.after(error.retryAfterMs ?? retryMs, () => {
      this.#retries.delete(session);
      this.request(session);
    });
    this.#retries.set(session, cancel);
  }
}
