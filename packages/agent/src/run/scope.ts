import { PerdureError } from "@perdure/core";
import type { AudienceJson, EventJson, HeadJson, RunStateJson, StepStateJson } from "@perdure/protocol";
import { endsAttempt } from "../errors.ts";
import type { Draft, Written } from "../link/outbox.ts";
import type { ChangeListener, SessionLink } from "../link/session-link.ts";

/** Events of one record, made when its number is known: `id(i)` is what the record's event i will be called. */
export type EventsOf = (id: (index: number) => string) => readonly EventJson[];

export interface ScopeOptions {
  readonly link: SessionLink;
  readonly runId: string;
  readonly attempt: number;
}

/** Why a run does not go on: somebody paused it, or its session holds it. */
export type Wait = "paused" | "held";

/**
 * One attempt at a run, as what its parts share: where it writes, what it sees, and when it has to stop. It is told to
 * stop once, with the reason.
 */
export class RunScope {
  readonly runId: string;
  readonly attempt: number;
  readonly link: SessionLink;
  /** What speaks of the run must have its audience; what it makes has it unless told otherwise. */
  readonly #audience: AudienceJson | undefined;
  /** Messages of this attempt, with the step of each. */
  readonly #messages: { readonly id: string; readonly stepId: string }[] = [];
  /** Steps that were done again: what they wrote is gone. */
  readonly #voided = new Set<string>();
  readonly #stop = new AbortController();
  readonly #waits = new Set<Wait>();
  #goOn: PromiseWithResolvers<void> | undefined;

  constructor(options: ScopeOptions) {
    this.runId = options.runId;
    this.attempt = options.attempt;
    this.link = options.link;
    this.#audience = this.run().audience;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Why it has to stop; undefined: it has not. */
  get stopped(): PerdureError | undefined {
    return this.signal.aborted && this.signal.reason instanceof PerdureError ? this.signal.reason : undefined;
  }

  stop(reason: PerdureError): void {
    if (!this.signal.aborted) this.#stop.abort(reason);
    for (const wait of [...this.#waits]) this.goOn(wait);
  }

  get paused(): boolean {
    return this.#waits.has("paused");
  }

  /** Nothing more is written until `goOn` for the same, and for every other that it waits for. */
  wait(wait: Wait): void {
    this.#waits.add(wait);
    this.#goOn ??= Promise.withResolvers<void>();
  }

  goOn(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#goOn?.resolve();
    this.#goOn = undefined;
  }

  /** Nothing holds it up: it waits for nothing, and has not to stop. */
  get goesOn(): boolean {
    return this.#goOn === undefined && !this.signal.aborted;
  }

  /** Settles at once unless the run waits. Throws the reason where it has to stop. */
  async unpaused(): Promise<void> {
    while (this.#goOn !== undefined) await this.#goOn.promise;
    this.signal.throwIfAborted();
  }

  /** As `unpaused`, but settles without an error where the run has to stop: for what is said at an end. */
  async settled(): Promise<void> {
    while (this.#goOn !== undefined) await this.#goOn.promise;
  }

  head(): HeadJson {
    return this.link.head() ?? {};
  }

  run(): RunStateJson {
    return this.head().runs?.find((run) => run.id === this.runId) ?? {};
  }

  /** The message that the next one of this run follows; `id` and `stepId` are the next one's. */
  nextParent(id: string, stepId: string): string {
    const last = this.#messages.findLast((message) => !this.#voided.has(message.stepId));
    this.#messages.push({ id, stepId });
    return last?.id ?? this.#lastMessageBefore();
  }

  /** The step begins once more: what it wrote before is taken away. */
  void(stepId: string): void {
    this.#voided.add(stepId);
  }

  step(key: string): StepStateJson | undefined {
    return this.run().steps?.findLast((step) => step.key === key && step.phase !== "STEP_PHASE_SUPERSEDED");
  }

  /** Writes a record when there is room and nothing to wait for. Throws the reason where the run has to stop. */
  async write(events: EventsOf, audience?: AudienceJson): Promise<Written> {
    await this.#turn();
    return this.writeNow(events, audience);
  }

  /** As `write`, also while the run waits: for what has happened already. */
  async report(events: EventsOf): Promise<Written> {
    await this.link.outbox.room();
    this.signal.throwIfAborted();
    return this.writeNow(events);
  }

  /** Writes a record whether or not the run has to stop, for what is said at its end. */
  writeNow(events: EventsOf, audience?: AudienceJson): Written {
    const { outbox } = this.link;
    const number = outbox.nextNumber;
    return this.#watched(
      outbox.write(
        this.#draft(
          events((index) => this.idOf(number, index)),
          audience,
        ),
      ),
    );
  }

  /** As `write`, but one record with the last where that one still waits here and `merge` makes one of the two. */
  async writeMerged(
    event: EventJson,
    merge: (earlier: EventJson) => EventJson | undefined,
    audience?: AudienceJson,
  ): Promise<Written> {
    // Asked first: a promise for each token, settled already, is a tenth of an agent's work.
    if (!this.goesOn || !this.link.outbox.hasRoom) await this.#turn();
    const draft = this.#draft([event], audience);
    return this.#watched(this.link.outbox.writeMerged(draft, (earlier) => this.#merged(draft, earlier, merge)));
  }

  /** Says how far it is. Of words that still wait here only the last one goes out; where there is no room, none does. */
  say(event: EventJson): void {
    const draft = this.#draft([event], undefined);
    const merge = (earlier: EventJson): EventJson | undefined =>
      earlier.agentProgress === undefined ? undefined : event;
    try {
      this.link.outbox.writeMerged(draft, (earlier) => this.#merged(draft, earlier, merge));
    } catch (error) {
      if (!(error instanceof PerdureError)) throw error;
    }
  }

  /** What event `index` of a record is called. */
  idOf(number: number, index: number): string {
    return `${this.link.outbox.producer}:${number}:${index}`;
  }

  /**
   * The first defined value that `look` finds in the session, now or after an event that concerns it. Throws where the
   * run has to stop.
   */
  async seen<T>(concerns: (event: EventJson) => boolean, look: (head: HeadJson) => T | undefined): Promise<T> {
    this.signal.throwIfAborted();
    const found = look(this.head());
    if (found !== undefined) return found;
    const waiting = Promise.withResolvers<T>();
    const onChange: ChangeListener = (events) => {
      if (events !== undefined && !events.some(concerns)) return;
      const value = look(this.head());
      if (value !== undefined) waiting.resolve(value);
    };
    const onStop = (): void => waiting.reject(this.stopped);
    const unfollow = this.link.onChange(onChange);
    this.signal.addEventListener("abort", onStop, { once: true });
    try {
      return await waiting.promise;
    } finally {
      unfollow();
      this.signal.removeEventListener("abort", onStop);
    }
  }

  /** What earlier attempts finished, else the message to answer, else the newest one. */
  #lastMessageBefore(): string {
    const { messages = [] } = this.head();
    const own = messages.findLast(({ runId, stepId = "" }) => runId === this.runId && !this.#voided.has(stepId));
    const known = own?.id ?? this.run().inputMessageId ?? "";
    return known === "" ? (messages.at(-1)?.id ?? "") : known;
  }

  async #turn(): Promise<void> {
    await this.link.outbox.room();
    await this.unpaused();
  }

  #draft(events: readonly EventJson[], audience: AudienceJson | undefined): Draft {
    const given = audience ?? this.#audience;
    return { attempt: this.attempt, events, ...(given === undefined ? {} : { audience: given }) };
  }

  #merged(draft: Draft, earlier: Draft, merge: (earlier: EventJson) => EventJson | undefined): Draft | undefined {
    const [event, ...more] = earlier.events;
    const same = earlier.attempt === draft.attempt && earlier.audience === draft.audience;
    const merged = same && event !== undefined && more.length === 0 ? merge(event) : undefined;
    return merged === undefined ? undefined : { ...draft, events: [merged] };
  }

  #watched(written: Written): Written {
    written.applied.catch((error: unknown) => {
      if (error instanceof PerdureError && endsAttempt(error)) this.stop(error);
    });
    return written;
  }
}
