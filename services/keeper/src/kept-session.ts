import {
  type Accepted,
  eventKind,
  fold,
  PerdureError,
  type PoolSignal,
  type RuleBook,
  type SessionState,
} from "@perdure/core";
import { decodeRecord, type IndexEntryJson, type PageJson } from "@perdure/protocol";
import { checkRules, Publications, type RawRecord } from "@perdure/replica";
import { leftSignals, owedSignals } from "./owed-signals.ts";

/** What one session has that no head covers yet. */
export interface Uncovered {
  /** Offset of the first such record. */
  readonly offset: number;
  readonly sinceMs: number;
  bytes: number;
  /** What left the state meanwhile. */
  pages: PageJson[];
}

/** What the session's runs make the keeper tell to pools. */
export interface OwedSignals {
  /** As of the last look. */
  owed: Set<string>;
  /** Of runs that have left the state: not covered before they have arrived, since no head would say them again. */
  readonly left: Map<string, PoolSignal>;
  /** Those that are not known to have arrived. */
  pendingCount: number;
  /** The index says that something is owed. */
  writtenAsOwing: boolean;
}

/** Derived records are written in rounds: the next one when all of the last one are judged. */
export interface Deriving {
  running: boolean;
  /** Rounds in a row in which one was refused. */
  refusals: number;
  notBeforeMs: number;
}

/** How a session stands with its keeper. */
export type KeptStatus =
  /** Its head is being read; its records wait. */
  | "loading"
  | "folded"
  /** A record of it could not be folded. */
  | "set_aside"
  /** It follows rules that this process does not know: the index says so, and the watermark goes on. */
  | "rules_too_new";

const JOINS = new Set(["memberJoined", "observersCounted", "agentJoined", "agentResumed"]);
/** Kinds from which nothing follows that a keeper has to do: the many of a stream. */
const QUIET = new Set([
  "messageOpened",
  "messageUpdated",
  "messageClosed",
  "partOpened",
  "partAppended",
  "partSet",
  "partPatched",
  "partAnnotated",
  "partClosed",
  "stepStarted",
  "stepClosed",
  "agentProgress",
  "documentReplaced",
  "documentPatched",
  "documentRemoved",
  "transient",
]);

/** One session as its keeper folds it. */
export class KeptSession {
  readonly key: string;
  readonly tenant: string;
  readonly #book: RuleBook;
  /** Verdicts on what the keeper itself wrote here. */
  readonly written = new Publications();
  /** What the keeper owes to pools. */
  readonly signals: OwedSignals = { owed: new Set(), left: new Map(), pendingCount: 0, writtenAsOwing: false };
  /** Writing of what is due. */
  readonly deriving: Deriving = { running: false, refusals: 0, notBeforeMs: 0 };
  /** What this process last wrote of it to the index. */
  entry: IndexEntryJson | undefined;
  uncovered: Uncovered | undefined;
  /** Somebody has joined, or a node's life has ended, since its nodes were looked at. */
  nodesChanged = true;
  /** Something may follow from it since it was looked at. */
  changed = true;
  /** It is its turn to follow later rules. */
  upgradeDue = false;
  /** When it was last touched. */
  usedMs: number;
  #state: SessionState | undefined;
  #waiting: RawRecord[] = [];
  #status: KeptStatus = "loading";
  #setAsideAt: number | undefined;
  #unjudgedFrom: number | undefined;
  #failure: unknown;

  constructor(key: string, nowMs: number, book: RuleBook) {
    this.key = key;
    this.#book = book;
    this.tenant = key.slice(0, key.indexOf("/"));
    this.usedMs = nowMs;
  }

  get status(): KeptStatus {
    return this.#status;
  }

  /** Present where the status is `folded`. */
  get state(): SessionState | undefined {
    return this.#status === "folded" ? this.#state : undefined;
  }

  /** Offset of the record that could not be folded, with the status `set_aside`. */
  get setAsideAt(): number | undefined {
    return this.#setAsideAt;
  }

  /** With the status `rules_too_new`: offset of the first record that nobody has judged for a head; undefined: none yet. */
  get unjudgedFrom(): number | undefined {
    return this.#unjudgedFrom;
  }

  /** What comes for it is not judged here; the index says so, or will with the next checkpoint. */
  get isPassedOver(): boolean {
    return this.#status === "set_aside" || (this.#status === "rules_too_new" && this.#unjudgedFrom !== undefined);
  }

  /** Nothing of it is under way. */
  get isResting(): boolean {
    return this.#status !== "loading" && !this.deriving.running && this.signals.pendingCount === 0;
  }

  /** Why it is not folded; told once. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  /** The next record of the session. Returns the bytes by which it is less covered than before. */
  take(record: RawRecord, nowMs: number): number {
    this.usedMs = nowMs;
    if (this.#status === "set_aside") return 0;
    if (this.#status === "rules_too_new") {
      this.#noteUnjudged(record.offset);
      return 0;
    }
    const bytes = record.value.length;
    this.uncovered ??= { offset: record.offset, sinceMs: nowMs, bytes: 0, pages: [] };
    this.uncovered.bytes += bytes;
    if (this.#status === "loading") this.#waiting.push(record);
    else if (this.#state !== undefined) this.#fold(this.#state, record);
    return bytes;
  }

  /**
   * The state of its head has arrived: what waited is folded onto it, and before that the records `unjudged`, which the
   * watermark has passed. `told`: its pools know what they should. Returns the bytes by which it is less covered.
   */
  loaded(state: SessionState, told: boolean, unjudged: readonly RawRecord[] = []): number {
    this.#state = state;
    if (told) this.signals.owed = new Set(owedSignals(state, this.key).keys());
    this.#status = "folded";
    const waiting = this.#waiting;
    this.#waiting = [];
    const bytes = this.#uncover(unjudged);
    for (const record of [...unjudged, ...waiting]) this.#fold(state, record);
    return bytes;
  }

  #uncover(unjudged: readonly RawRecord[]): number {
    const [first] = unjudged;
    if (first === undefined) return 0;
    const bytes = unjudged.reduce((sum, { value }) => sum + value.length, 0);
    const { sinceMs = this.usedMs, bytes: later = 0, pages = [] } = this.uncovered ?? {};
    this.uncovered = { offset: first.offset, sinceMs, bytes: bytes + later, pages };
    return bytes;
  }

  /** The index says that it was set aside at `offset`. */
  foundSetAside(offset: number): void {
    this.#setAside(offset, undefined);
  }

  /** The index says that it was not judged from `offset` on, and that this process does not know the rules either. */
  foundUnjudged(offset: number): void {
    this.#unjudgedFrom = offset;
    this.#end("rules_too_new", undefined);
  }

  /** Its head cannot be read, or written, by this process; nothing from `offset` on can be covered. */
  stop(status: "set_aside" | "rules_too_new", offset: number, failure: unknown): void {
    if (status === "set_aside") this.#setAside(offset, failure);
    else this.#end(status, failure);
  }

  /** Takes what is to be covered; what comes from now on is uncovered again. */
  takeUncovered(): Uncovered | undefined {
    const taken = this.uncovered;
    this.uncovered = undefined;
    return taken;
  }

  /** What was taken has not been covered after all. */
  giveBack(taken: Uncovered): void {
    const later = this.uncovered;
    this.uncovered = {
      ...taken,
      bytes: taken.bytes + (later?.bytes ?? 0),
      pages: [...taken.pages, ...(later?.pages ?? [])],
    };
  }

  #fold(state: SessionState, { offset, timeMs, value }: RawRecord): void {
    if (offset <= state.covered || this.#status !== "folded") return;
    try {
      const { verdict, accepted, pages } = fold(state, decodeRecord(value), { offset, timeMs }, this.#book);
      checkRules(this.key, state.rules, this.#book);
      this.uncovered?.pages.push(...pages);
      for (const [text, signal] of leftSignals(pages, this.key)) this.#noteLeft(text, signal);
      if (accepted !== undefined) this.#note(state, accepted);
      this.written.judged(offset, verdict);
    } catch (error) {
      if (error instanceof PerdureError && error.code === "rules_too_new") this.#end("rules_too_new", error);
      else this.#setAside(offset, error);
    }
  }

  /** What its pool was told before the run left need not be told again. */
  #noteLeft(text: string, signal: PoolSignal): void {
    if (this.signals.pendingCount === 0 && this.signals.owed.has(text)) return;
    this.signals.left.set(text, signal);
    this.changed = true;
  }

  #note(state: SessionState, { events }: Accepted): void {
    const kinds = events.map((event) => eventKind(event) ?? "");
    this.nodesChanged ||= kinds.some((kind) => JOINS.has(kind));
    if (kinds.every((kind) => QUIET.has(kind))) return;
    this.changed = true;
    this.#forgetTold(state);
  }

  /** What is not owed for a while may be owed again, and an earlier keeper may have told the pool what was between. */
  #forgetTold(state: SessionState): void {
    const owed = owedSignals(state, this.key);
    for (const text of this.signals.owed) if (!owed.has(text)) this.signals.owed.delete(text);
  }

  /** The watermark may pass a record only once the index says from where on nothing was judged. */
  #noteUnjudged(offset: number): void {
    if (this.#unjudgedFrom !== undefined) return;
    this.#unjudgedFrom = offset;
    this.uncovered = { offset, sinceMs: this.usedMs, bytes: 0, pages: [] };
  }

  #setAside(offset: number, failure: unknown): void {
    this.#setAsideAt = offset;
    this.#end("set_aside", failure);
  }

  #end(status: KeptStatus, failure: unknown): void {
    this.#status = status;
    if (status === "rules_too_new") this.#unjudgedFrom ??= this.uncovered?.offset;
    this.#failure = failure;
    this.#waiting = [];
    this.#state = undefined;
    this.written.fail(new PerdureError("set_aside", `${this.key} is no longer folded here`, { cause: failure }));
  }
}
