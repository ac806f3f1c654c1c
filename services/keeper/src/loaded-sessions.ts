import type { RuleBook } from "@perdure/core";
import type { Clock, SessionIndex } from "@perdure/replica";
import { KeptSession } from "./kept-session.ts";
import type { PageChains } from "./page-chains.ts";
import type { UncoveredSessions } from "./uncovered-sessions.ts";

export interface LoadedSessionsParts {
  readonly clock: Clock;
  readonly book: RuleBook;
  readonly index: SessionIndex;
  readonly uncovered: UncoveredSessions;
  readonly chains: PageChains;
  readonly sessionIdleMs: number;
  readonly sessionsKept: number;
  /** Begins to read the head of a session that is needed. */
  readonly load: (session: KeptSession) => void;
}

/** The sessions of a partition that are in memory: those that something happens in, and some that rest. */
export class LoadedSessions {
  readonly #parts: LoadedSessionsParts;
  readonly #sessions = new Map<string, KeptSession>();
  #cancelSweep: () => void = () => undefined;

  constructor(parts: LoadedSessionsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(key: string): KeptSession | undefined {
    return this.#sessions.get(key);
  }

  values(): IterableIterator<KeptSession> {
    return this.#sessions.values();
  }

  /** The session, which is loaded if it is not here. */
  need(key: string): KeptSession {
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const session = new KeptSession(key, this.#parts.clock.now(), this.#parts.book);
    this.#sessions.set(key, session);
    this.#parts.load(session);
    return session;
  }

  /** Begins to let go of what rests. */
  start(): void {
    this.#cancelSweep = this.#parts.clock.after(this.#parts.sessionIdleMs / 2, () => {
      this.#sweep();
      this.start();
    });
  }

  /** Lets go of sessions now where there are more than are kept. */
  trim(): void {
    if (this.#sessions.size > this.#parts.sessionsKept) this.#sweep();
  }

  close(): void {
    this.#cancelSweep();
    this.#sessions.clear();
  }

  /** Lets go of what has rested for a time, and of what is more than is kept: the first loaded first. */
  #sweep(): void {
    const { clock, sessionIdleMs, sessionsKept, uncovered, chains } = this.#parts;
    const beforeMs = clock.now() - sessionIdleMs;
    for (const session of this.#sessions.values()) {
      if (session.usedMs > beforeMs && this.#sessions.size <= sessionsKept) continue;
      if (!session.isResting || uncovered.has(session) || !this.#indexKnows(session)) continue;
      this.#sessions.delete(session.key);
      chains.forget(session.key);
    }
  }

  /** Whoever loads the session again must find what was last written of it. */
  #indexKnows({ key, entry }: KeptSession): boolean {
    if (entry === undefined) return true;
    const known = this.#parts.index.find(key);
    // Zeros are absent in what was read.
    const same = (one = "0", other = "0"): boolean => one === other;
    return (
      known !== undefined &&
      same(known.headOffset, entry.headOffset) &&
      same(known.covered, entry.covered) &&
      known.setAside === entry.setAside &&
      known.unjudgedFrom === entry.unjudgedFrom
    );
  }
}
