import { newSession, PerdureError } from "@perdure/core";
import { type Log, LogError } from "@perdure/log";
import { type Clock, readHead, type SessionIndex } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import { saysOwing } from "./index-entry.ts";
import type { KeptSession } from "./kept-session.ts";

export interface HeadLoadsParts {
  readonly log: Pick<Log, "read">;
  readonly partition: number;
  readonly index: SessionIndex;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly atOnce: number;
  readonly retryMs: number;
  /** Its head is here, or the reason why not: its status says. */
  readonly onLoaded: (session: KeptSession) => void;
}

const LOADS_TRIED = 5;

/** Reads heads for sessions that are needed, some at a time. The partition goes on meanwhile. */
export class HeadLoads {
  readonly #parts: HeadLoadsParts;
  readonly #waiting = new Set<KeptSession>();
  readonly #retries = new Map<KeptSession, () => void>();
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
    try {
      for (let tried = 1; !(await this.#tryLoad(session)); tried += 1) {
        if (tried === LOADS_TRIED) throw new LogError("corrupt", "the index names a head that is not in the log");
        await this.#parts.index.current();
      }
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof LogError) return this.#later(session, error);
      const status = error instanceof PerdureError && error.code === "rules_too_new" ? error.code : "set_aside";
      session.stop(status, session.uncovered?.offset ?? 0, error);
    }
    if (!this.#closed) this.#parts.onLoaded(session);
  }

  /** False: the head that the index named has been compacted away; a later one is in the log. */
  async #tryLoad(session: KeptSession): Promise<boolean> {
    const { log, partition, index } = this.#parts;
    const entry = index.get(session.key);
    if (entry === undefined) {
      session.loaded(newSession(), true);
    } else if (entry.setAside !== undefined) {
      session.foundSetAside(Number(entry.setAside));
    } else {
      const state = await readHead(log, partition, session.key, entry);
      if (state === undefined) return false;
      if (!this.#closed) session.loaded(state, !saysOwing(entry));
    }
    return true;
  }

  #later(session: KeptSession, error: LogError): void {
    const { clock, logger, retryMs, partition } = this.#parts;
    logger.warn({ partition, session: session.key, err: error }, "a head could not be read and is tried again");
    const cancel = clock.after(error.retryAfterMs ?? retryMs, () => {
      this.#retries.delete(session);
      this.request(session);
    });
    this.#retries.set(session, cancel);
  }
}
