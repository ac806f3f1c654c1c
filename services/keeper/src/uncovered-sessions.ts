import type { KeptSession } from "./kept-session.ts";

/**
 * The sessions of a partition that a checkpoint has to cover: those with records that no head covers, the lowest offset
 * first, and those whose index entry says what is no longer so.
 */
export class UncoveredSessions {
  #sessions = new Set<KeptSession>();
  readonly #stale = new Map<KeptSession, number>();
  /** Those of a checkpoint under way: until it is known what became of it, the index does not say what they are. */
  readonly #covering = new Set<KeptSession>();
  #bytes = 0;

  /** Bytes of uncovered records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The lowest uncovered offset; `end` where there is none. */
  lowest(end: number): number {
    for (const { uncovered } of this.#sessions) if (uncovered !== undefined) return uncovered.offset;
    return end;
  }

  /** Whether it is needed in memory: to be covered, or because it is being covered. */
  has(session: KeptSession): boolean {
    return this.#sessions.has(session) || this.#stale.has(session) || this.#covering.has(session);
  }

  /** It has `bytes` more that are uncovered; sessions come in the order of their first uncovered offsets. */
  add(session: KeptSession, bytes: number): void {
    if (session.uncovered === undefined) return;
    this.#sessions.add(session);
    this.#bytes += bytes;
  }

  /** It can no longer be folded, so that its bytes are no longer held. */
  dropBytes({ uncovered }: KeptSession): void {
    if (uncovered === undefined) return;
    this.#bytes -= uncovered.bytes;
    uncovered.bytes = 0;
  }

  markStale(session: KeptSession, nowMs: number): void {
    if (!this.#stale.has(session)) this.#stale.set(session, nowMs);
  }

  /** It is being covered, until `endCovering`. */
  beginCovering(session: KeptSession, bytes: number): void {
    this.#covering.add(session);
    this.#sessions.delete(session);
    this.#stale.delete(session);
    this.#bytes -= bytes;
  }

  /** It has been covered, or has not. */
  endCovering(session: KeptSession): void {
    this.#covering.delete(session);
  }

  /** These have not been covered after all, and what came later is behind them. */
  restore(restored: readonly KeptSession[], bytes: number): void {
    this.#bytes += bytes;
    const offset = ({ uncovered }: KeptSession): number => uncovered?.offset ?? 0;
    this.#sessions = new Set([...this.#sessions, ...restored].toSorted((a, b) => offset(a) - offset(b)));
  }

  /** Those that a checkpoint can cover now and that have waited since `beforeMs` or longer. */
  *coverable(beforeMs: number): IterableIterator<KeptSession> {
    const isWaiting = (session: KeptSession, sinceMs: number): boolean =>
      isCoverable(session) && Math.max(sinceMs, heldUntilMs(session)) <= beforeMs;
    for (const session of [...this.#sessions]) {
      if (isWaiting(session, session.uncovered?.sinceMs ?? 0)) yield session;
    }
    for (const [session, sinceMs] of [...this.#stale]) {
      if (this.#stale.has(session) && isWaiting(session, sinceMs)) yield session;
    }
  }

  /** When the one that has waited longest began to; undefined: none can be covered now. */
  waitingSinceMs(): number | undefined {
    let earliest: number | undefined;
    const note = (session: KeptSession, sinceMs: number): void => {
      const fromMs = Math.max(sinceMs, heldUntilMs(session));
      earliest = Math.min(earliest ?? fromMs, fromMs);
    };
    for (const session of this.#sessions) {
      if (!isCoverable(session)) continue;
      note(session, session.uncovered?.sinceMs ?? 0);
      if (heldUntilMs(session) === 0) break;
    }
    for (const [session, sinceMs] of this.#stale) if (isCoverable(session)) note(session, sinceMs);
    return earliest;
  }
}

function isCoverable({ status }: KeptSession): boolean {
  return status !== "loading";
}

/** What no head would say again is told first, but a pool that does not answer holds nobody up for ever. */
const LEFT_HELD_MS = 60_000;

function heldUntilMs({ signals, uncovered }: KeptSession): number {
  return signals.left.size === 0 || uncovered === undefined ? 0 : uncovered.sinceMs + LEFT_HELD_MS;
}
