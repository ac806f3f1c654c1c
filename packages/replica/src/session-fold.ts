import { type Accepted, fold, PerdureError, type RuleBook, type SessionState, type Verdict } from "@perdure/core";
import type { Appended } from "@perdure/log";
import { decodeRecord, type RecordJson } from "@perdure/protocol";
import type { HeldSession, Publication, SessionListener } from "./api.ts";
import { checkRules, unfoldable } from "./errors.ts";
import { LatestWriter } from "./latest-writer.ts";
import type { ReplicaLimits, ReplicaLogger } from "./options.ts";
import { Publications } from "./publications.ts";
import { RecentRecords } from "./recent-records.ts";
import type { RawRecord } from "./ring.ts";
import { UnwrittenPages } from "./unwritten-pages.ts";

export interface SessionFoldParts {
  readonly sessionKey: string;
  readonly state: SessionState;
  readonly book: RuleBook;
  readonly limits: ReplicaLimits;
  readonly logger: ReplicaLogger;
  readonly append: (record: RecordJson) => Promise<Appended>;
  /** The last hold is over. */
  readonly onIdle: (session: SessionFold) => void;
  /** Every hold on it has ended with the error. */
  readonly onClosed: (session: SessionFold) => void;
}

/** One session as this process folds it, shared by all who hold it. */
export class SessionFold {
  readonly sessionKey: string;
  readonly state: SessionState;
  readonly pages: UnwrittenPages;
  readonly #parts: SessionFoldParts;
  readonly #listeners = new Set<SessionListener>();
  /** While somebody waits for a verdict. */
  #publications: Publications | undefined;
  readonly #recent: RecentRecords;
  readonly #writer = new LatestWriter();
  #lost: PerdureError | undefined;

  constructor(parts: SessionFoldParts) {
    this.#parts = parts;
    this.sessionKey = parts.sessionKey;
    this.state = parts.state;
    this.#recent = new RecentRecords(parts.state.seq, parts.limits);
    this.pages = new UnwrittenPages(parts.limits.unwrittenPageBytes);
  }

  /** Offset of the last record folded. */
  get covered(): number {
    return this.state.covered;
  }

  get lost(): PerdureError | undefined {
    return this.#lost;
  }

  /** Nobody holds it, and no writer waits for a verdict. */
  get idle(): boolean {
    return this.#listeners.size === 0 && (this.#publications?.openCount ?? 0) === 0;
  }

  /** Folds the next record of this session; one that is covered already changes nothing. */
  take(record: RawRecord): void {
    if (record.offset <= this.state.covered || this.#lost !== undefined) return;
    try {
      this.#fold(record);
    } catch (error) {
      this.#setAside(record, error);
    }
  }

  hold(listener: SessionListener): HeldSession {
    this.#listeners.add(listener);
    return new Hold(this, () => this.#release(listener));
  }

  acceptedSince(seq: number): readonly Accepted[] | undefined {
    return this.#lost === undefined ? this.#recent.since(seq) : undefined;
  }

  publish(record: RecordJson): Publication {
    if (this.#lost !== undefined) return refusedPublication(this.#lost);
    this.#publications ??= new Publications(() => this.#settled());
    return this.#publications.add(this.#parts.append(record));
  }

  /** Ends every hold with the error. */
  close(error: PerdureError): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    this.#publications?.fail(error);
    for (const listener of [...this.#listeners]) this.#tell(() => listener.onLost(error.code));
    this.#listeners.clear();
    this.#parts.onClosed(this);
  }

  #fold({ offset, timeMs, value }: RawRecord): void {
    const { epoch } = this.state;
    const { book } = this.#parts;
    const record = this.#writer.share(decodeRecord(value));
    const { verdict, accepted, pages } = fold(this.state, record, { offset, timeMs }, book);
    checkRules(this.sessionKey, this.state.rules, book);
    if (epoch !== undefined && this.state.epoch !== epoch) {
      this.close(new PerdureError("session_replaced", `${this.sessionKey} has begun a new life: attach again`));
      return;
    }
    for (const page of pages) this.pages.push(page, offset);
    if (accepted !== undefined) this.#tellAccepted(accepted, record, value);
    this.#publications?.judged(offset, verdict);
  }

  #tellAccepted(accepted: Accepted, record: RecordJson, value: Uint8Array): void {
    if (accepted.seq > 0) this.#recent.push(accepted, record, value);
    for (const listener of this.#listeners) this.#tell(() => listener.onAccepted(accepted));
  }

  /** A listener that throws must not hold up the others, or the fold. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#parts.logger.error({ sessionKey: this.sessionKey, error }, "a listener of a session failed");
    }
  }

  #setAside(record: RawRecord, cause: unknown): void {
    const { sessionKey } = this;
    const { logger } = this.#parts;
    const error = unfoldable(sessionKey, record.offset, cause);
    const details = { sessionKey, offset: record.offset, error: cause };
    if (error.code === "rules_too_new") logger.warn(details, "a session follows later rules than this node knows");
    else logger.error(details, "a session cannot be folded");
    this.close(error);
  }

  #settled(): void {
    if (this.#publications?.openCount === 0) this.#publications = undefined;
    this.#checkIdle();
  }

  #release(listener: SessionListener): void {
    if (this.#listeners.delete(listener)) this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.idle) this.#parts.onIdle(this);
  }
}

/** One hold on a session. */
class Hold implements HeldSession {
  readonly sessionKey: string;
  readonly state: SessionState;
  readonly #session: SessionFold;
  readonly #release: () => void;

  constructor(session: SessionFold, release: () => void) {
    this.sessionKey = session.sessionKey;
    this.state = session.state;
    this.#session = session;
    this.#release = release;
  }

  acceptedSince(seq: number): readonly Accepted[] | undefined {
    return this.#session.acceptedSince(seq);
  }

  publish(record: RecordJson): Publication {
    return this.#session.publish(record);
  }

  detach(): void {
    this.#release();
  }
}

function refusedPublication(error: PerdureError): Publication {
  const stored = Promise.reject<Appended>(error);
  const applied = Promise.reject<Verdict>(error);
  stored.catch(() => undefined);
  applied.catch(() => undefined);
  return { stored, applied };
}
