import { PerdureError, REFUSED_BY_ALL } from "@perdure/core";
import type { RecordDraft } from "@perdure/core";
import type { AgentVerdict, AudienceJson, EventJson, LedgerJson, RefusalJson } from "@perdure/protocol";
import type { Clock } from "../clock.ts";
import { refusal } from "../errors.ts";
import type { SendWindow } from "./window.ts";

/** What a run or the agent wants written; number, producer and actor are added on the way. */
export interface Draft {
  /** Fencing token of the attempt; 0: outside any run. */
  readonly attempt: number;
  readonly events: readonly EventJson[];
  readonly audience?: AudienceJson;
}

/** A record on its way. Items that its events make are called `producer:number:index`. */
export interface Written {
  readonly number: number;
  /** Settles with the verdict: the seq of the record's last event, or PerdureError with the code of the refusal. */
  readonly applied: Promise<number>;
}

export interface OutboxLimits {
  /** Records kept until judged: as many as the ledger remembers. */
  readonly unjudgedCount: number;
  /** With this many records waiting to be sent, `room` waits. */
  readonly waitingCount: number;
  /** From this many records on the way to the log, appends wait and become one. */
  readonly mergeFromCount: number;
}

export const OUTBOX_LIMITS: OutboxLimits = { unjudgedCount: 1_024, waitingCount: 16, mergeFromCount: 4 };

export interface OutboxOptions {
  /** Unique among all outboxes ever made. */
  readonly producer: string;
  readonly window: SendWindow;
  readonly clock: Clock;
  encode(record: RecordDraft): Uint8Array;
  send(bytes: Uint8Array): void;
  /** Nothing can be written any more; every outcome has the same error. */
  onBroken?(error: PerdureError): void;
  readonly limits?: OutboxLimits;
}

/** What the session knew of this writer when it was joined. */
export interface KnownWriter {
  readonly ledger: LedgerJson | undefined;
  readonly participant: string;
  readonly seq: number;
  readonly epoch: string | undefined;
}

interface Item {
  readonly number: number;
  draft: Draft;
  /** Present once it was sent: sent again, it is the same. */
  bytes: Uint8Array | undefined;
  /** `waiting` to be sent on this stream, on its way to the log, in the log, judged. */
  phase: "waiting" | "sent" | "stored" | "judged";
  /** Sendings on this stream that have had no answer; each gets one. */
  unanswered: number;
  /** Such sendings of what it stands in for: they are answered first, and say nothing about it. */
  unansweredBefore: number;
  /** None: whoever waited has been told. */
  outcome: PromiseWithResolvers<number> | undefined;
}

/**
 * What one writer has sent in one session and not seen judged. Numbers are given at once and never change, so that a
 * record sent again on another stream, or to another node, is the same record. Nothing waits while the line is idle.
 */
export class Outbox {
  readonly producer: string;
  readonly #options: OutboxOptions;
  readonly #limits: OutboxLimits;
  /** Consecutive numbers; the first one is not judged. */
  readonly #items: Item[] = [];
  #nextNumber = 1;
  #known: KnownWriter | undefined;
  #joined = false;
  #waitingCount = 0;
  #onTheWayCount = 0;
  #cancelRetry: (() => void) | undefined;
  #broken: PerdureError | undefined;
  #waitingForRoom: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#limits = options.limits ?? OUTBOX_LIMITS;
    this.producer = options.producer;
  }

  /** Nothing waits for a verdict. */
  get empty(): boolean {
    return this.#items.length === 0;
  }

  /** The number that the next record gets. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Another record may be written. */
  get hasRoom(): boolean {
    if (this.#broken !== undefined) return true;
    return this.#waitingCount < this.#limits.waitingCount && this.#items.length < this.#limits.unjudgedCount / 2;
  }

  /** Settles when another record may be written; at once where there is room. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
    }
  }

  /** Takes a record in. Throws `overloaded` past the limit (wait for `room`), or what broke the outbox. */
  write(draft: Draft): Written {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#items.length >= this.#limits.unjudgedCount) {
      throw new PerdureError("overloaded", `${this.#items.length} records wait for their verdict: wait for room`);
    }
    const outcome = Promise.withResolvers<number>();
    // Whoever has no use for the outcome does not have to look at it.
    outcome.promise.catch(() => undefined);
    const item: Item = {
      number: this.#nextNumber++,
      draft,
      bytes: undefined,
      phase: "waiting",
      unanswered: 0,
      unansweredBefore: 0,
      outcome,
    };
    this.#items.push(item);
    this.#waitingCount += 1;
    this.pump();
    return { number: item.number, applied: outcome.promise };
  }

  /** As `write`, unless the last record was never sent and `merge` makes one of the two. */
  writeMerged(draft: Draft, merge: (earlier: Draft) => Draft | undefined): Written {
    const last = this.#items.at(-1);
    const merged = last !== undefined && last.bytes === undefined ? merge(last.draft) : undefined;
    if (last?.outcome === undefined || merged === undefined) return this.write(draft);
    last.draft = merged;
    return { number: last.number, applied: last.outcome.promise };
  }

  /** The session is joined on a new stream: what is not judged goes out again, in order. */
  joined(known: KnownWriter): void {
    // A writer is born where it first joins: what the ledger must not have forgotten since.
    if (this.#known === undefined || this.#nextNumber === 1) this.#known = known;
    this.#judgeByLedger(known);
    this.#joined = true;
    this.pump();
  }

  /** The stream is gone: everything that is not judged waits for the next. */
  disconnected(): void {
    this.#joined = false;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    for (const item of this.#items) {
      this.#giveBack(item);
      item.unansweredBefore = 0;
      if (item.phase !== "judged") this.#enter(item, "waiting");
    }
  }

  /** Everything up to this number is in the log. */
  stored(number: number): void {
    for (const item of this.#items) {
      if (item.number > number) break;
      if (item.phase === "sent") this.#enter(item, "stored");
    }
    this.pump();
  }

  /** The session has the record with this number, whose last event has this seq: the answer to one sending of it. */
  accepted(number: number, seq: number): void {
    const item = this.#answered(number);
    if (item === undefined) return;
    if (item.phase !== "judged") this.#judge(item, { code: "", seq, winner: "" });
    this.pump();
  }

  /** The answer to one sending of a record that was not accepted, or had been before. */
  verdict(verdict: AgentVerdict): void {
    const item = this.#answered(verdict.first);
    if (item === undefined) return;
    const missing = missingFrom(verdict);
    if (item.phase !== "judged") {
      if (verdict.code === "producer_expired") return this.#expire();
      if (missing === undefined && isUnused(item, verdict)) this.#giveUp(item, verdict);
      else if (missing === undefined) this.#judge(item, verdict);
      // Unless it was sent once more since: then the answer to that counts.
      else if (item.unanswered === 0) this.#goBack(missing, verdict.retryAfterMs);
    }
    this.pump();
  }

  /** Nothing more can be written here: every outcome is this error. */
  break(error: PerdureError): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    for (const item of this.#items.splice(0)) {
      this.#giveBack(item);
      item.outcome?.reject(error);
    }
    this.#onTheWayCount = 0;
    this.#waitingCount = 0;
    this.#cancelRetry?.();
    this.#letIn();
    this.#options.onBroken?.(error);
  }

  /** Sends what may be sent; called whenever something has made room. */
  pump(): void {
    if (!this.#joined || this.#cancelRetry !== undefined) return;
    for (const item of this.#items) {
      if (item.phase !== "waiting") continue;
      const fresh = item.bytes === undefined;
      if (fresh && this.#onTheWayCount >= this.#limits.mergeFromCount && isAppend(item.draft)) break;
      const bytes = this.#bytesOf(item);
      if (!this.#options.window.take(bytes.byteLength)) break;
      item.unanswered += 1;
      this.#enter(item, "sent");
      this.#options.send(bytes);
    }
    this.#letIn();
  }

  /** What the node would end the stream for, and every later one, is refused here. */
  #bytesOf(item: Item): Uint8Array {
    const { maxRecordBytes } = this.#options.window;
    item.bytes ??= this.#options.encode(this.#record(item));
    const { byteLength } = item.bytes;
    if (byteLength <= maxRecordBytes || item.outcome === undefined) return item.bytes;
    const message = `the record has ${byteLength} bytes, and the node takes ${maxRecordBytes}: write less at once`;
    this.#standIn(item, new PerdureError("too_large", message));
    item.bytes = this.#options.encode(this.#record(item));
    return item.bytes;
  }

  #record(item: Item): RecordDraft {
    const { attempt, events, audience } = item.draft;
    const epoch = this.#known?.epoch;
    return {
      producer: this.producer,
      first: item.number,
      last: item.number,
      born: this.#known?.seq ?? 0,
      attempt,
      events: [...events],
      ...(audience === undefined ? {} : { audience }),
      ...(epoch === undefined ? {} : { epoch }),
    };
  }

  /** The record that one more sending of has been answered; undefined where the answer says nothing about it. */
  #answered(number: number): Item | undefined {
    const item = this.#items[number - (this.#items[0]?.number ?? 0)];
    if (item === undefined) return undefined;
    if (item.unansweredBefore > 0) {
      item.unansweredBefore -= 1;
      return undefined;
    }
    if (item.unanswered === 0) return undefined;
    this.#options.window.give(item.bytes?.byteLength ?? 0);
    item.unanswered -= 1;
    return item;
  }

  #judge(item: Item, verdict: Pick<AgentVerdict, "code" | "seq" | "winner">): void {
    this.#enter(item, "judged");
    if (verdict.code === "") item.outcome?.resolve(verdict.seq);
    else item.outcome?.reject(refusal(verdict.code, verdict.winner));
    this.#forgetJudged();
  }

  /** The session never saw this number, and what follows waits for it: something that it refuses takes that number. */
  #giveUp(item: Item, verdict: AgentVerdict): void {
    this.#standIn(item, refusal(verdict.code, verdict.winner));
    this.#goBack(item.number, 0);
  }

  #standIn(item: Item, error: PerdureError): void {
    item.outcome?.reject(error);
    item.outcome = undefined;
    item.unansweredBefore += item.unanswered;
    this.#giveBack(item);
    item.draft = { attempt: 0, events: REFUSED_BY_ALL };
    item.bytes = undefined;
  }

  #judgeByLedger(known: KnownWriter): void {
    const writer = known.ledger?.producers?.find((each) => each.key === `${known.participant}/${this.producer}`);
    for (const item of this.#items) {
      if (item.number > (writer?.last ?? 0)) break;
      if (item.phase === "judged") continue;
      this.#enter(item, "judged");
      const refused = writer?.refused?.find((each) => isWithin(item.number, each));
      if (refused?.code === undefined) item.outcome?.resolve(known.seq);
      else item.outcome?.reject(refusal(refused.code));
    }
    this.#forgetJudged();
  }

  /** The log lacks a record that was sent: it and all after it go out again. */
  #goBack(to: number, retryAfterMs: number): void {
    const oldest = this.#items[0]?.number ?? this.#nextNumber;
    if (to < oldest) return this.#expire();
    for (const item of this.#items) {
      if (item.number >= to && item.phase !== "judged") this.#enter(item, "waiting");
    }
    if (retryAfterMs === 0) return;
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(retryAfterMs, () => {
      this.#cancelRetry = undefined;
      this.pump();
    });
  }

  /** No number of this writer will ever be taken again: what comes next needs another. */
  #expire(): void {
    this.break(new PerdureError("producer_expired", "the session has forgotten this writer: join it again"));
  }

  #enter(item: Item, phase: Item["phase"]): void {
    this.#onTheWayCount += Number(phase === "sent") - Number(item.phase === "sent");
    this.#waitingCount += Number(phase === "waiting") - Number(item.phase === "waiting");
    item.phase = phase;
  }

  #forgetJudged(): void {
    const kept = this.#items.findIndex((item) => item.phase !== "judged");
    // What was sent twice and judged once leaves with its second answer still to come.
    for (const item of this.#items.splice(0, kept < 0 ? this.#items.length : kept)) this.#giveBack(item);
  }

  #giveBack(item: Item): void {
    this.#options.window.give(item.unanswered * (item.bytes?.byteLength ?? 0));
    item.unanswered = 0;
  }

  #letIn(): void {
    if (this.#waitingForRoom.length === 0 || !this.hasRoom) return;
    for (const goOn of this.#waitingForRoom.splice(0)) goOn();
  }
}

const isAppend = (draft: Draft): boolean => draft.events.every((event) => event.partAppended !== undefined);

/** The refused number is still to be used; not where what stood in for its record is refused so too. */
const isUnused = (item: Item, { expected }: AgentVerdict): boolean =>
  expected === item.number && item.outcome !== undefined;

const isWithin = (number: number, { number: first = 0, last = first }: RefusalJson): boolean =>
  number >= first && number <= last;

/** The number to go on from, where the verdict says that the log lacks it. */
function missingFrom(verdict: AgentVerdict): number | undefined {
  if (verdict.code === "producer_gap") return verdict.expected;
  // Nobody knows of a verdict. One that there is after all is what the same number hears next.
  return verdict.retryAfterMs > 0 || verdict.code === "unavailable" ? verdict.first : undefined;
}
