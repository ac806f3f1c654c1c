import { type Code, PerdureError, type Verdict } from "@perdure/core";
import { LogError } from "@perdure/log";
import type { ActorJson, EventJson } from "@perdure/protocol";
import { type HeldSession, NodeProducer } from "@perdure/replica";
import type { Clock, Logger } from "@perdure/service-kit";

/** Events in one record at most; the schema takes 64. */
const BATCH = 32;
const RETRY_MS = 500;

interface Waiting {
  readonly event: EventJson;
  readonly onOutcome: (refusal: Code | undefined) => void;
}

export interface PresenceWriterOptions {
  readonly held: HeldSession;
  readonly actor: ActorJson;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onIdle: () => void;
}

/**
 * Writes a node's own facts about one session, in order and each once: one record in flight, tried again under its number
 * until it is judged. What gathers meanwhile goes out together.
 */
export class PresenceWriter {
  readonly #options: PresenceWriterOptions;
  readonly #producer: NodeProducer;
  #queue: Waiting[] = [];
  #busy = false;
  #ended = false;
  #cancelRetry: (() => void) | undefined;
  #settled: (() => void)[] = [];
  #landed: Promise<void> = Promise.resolve();

  constructor(options: PresenceWriterOptions) {
    this.#options = options;
    this.#producer = new NodeProducer(options.held);
  }

  get producer(): string {
    return this.#producer.id;
  }

  get idle(): boolean {
    return !this.#busy && this.#queue.length === 0;
  }

  write(event: EventJson, onOutcome: Waiting["onOutcome"] = () => undefined): void {
    if (this.#ended) return;
    this.#queue.push({ event, onOutcome });
    this.#pump();
  }

  /** Resolves when all is written, or nothing more can be. */
  settled(): Promise<void> {
    if (this.idle || this.#ended) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** Resolves when nothing that was written is on its way to the log any more; it can land long after the end. */
  landed(): Promise<void> {
    return this.#landed;
  }

  /** Nothing more can be written: the session is lost here. */
  end(): void {
    this.#ended = true;
    this.#queue = [];
    this.#cancelRetry?.();
    this.#tellSettled();
  }

  #tellSettled(): void {
    for (const tell of this.#settled.splice(0)) tell();
  }

  #pump(): void {
    if (this.#busy || this.#ended) return;
    const batch = this.#queue.splice(0, BATCH);
    if (batch.length === 0) {
      this.#tellSettled();
      return this.#options.onIdle();
    }
    this.#busy = true;
    this.#landed = this.#write(batch).then(
      () => {
        this.#busy = false;
        this.#pump();
      },
      (error: unknown) => this.#options.logger.error({ err: error }, "presence could not be written"),
    );
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const verdict = await this.#judged(batch.map(({ event }) => event));
    if (verdict === undefined) return;
    if (this.#producer.beginAnewAfter(verdict)) return this.#write(batch);
    const refusal = refusalIn(verdict);
    // One member too many must not keep the others out, and what changed under way is looked at again.
    const again = refusal !== undefined && (batch.length > 1 || (refusal === "stale_cause" && this.#isListed(batch)));
    if (again) for (const waiting of batch) await this.#write([waiting]);
    else for (const { onOutcome } of batch) onOutcome(refusal);
  }

  /** Someone whose leave is in the batch is still there. */
  #isListed(batch: readonly Waiting[]): boolean {
    const { members } = this.#options.held.state;
    return batch.some(({ event }) => members.has(event.memberLeft?.member ?? ""));
  }

  /** Undefined: the session was lost before the verdict. */
  async #judged(events: EventJson[]): Promise<Verdict | undefined> {
    const { held, actor } = this.#options;
    const writer = this.#producer.next();
    while (!this.#ended) {
      const cause = { seq: held.state.seq };
      const record = { ...writer, actor, cause, events };
      const { stored, applied } = held.publish(record);
      try {
        await stored;
        return await applied;
      } catch (error) {
        if (error instanceof PerdureError) return undefined;
        if (!(error instanceof LogError) || error.code !== "unavailable") throw error;
        await this.#pause(error.retryAfterMs ?? RETRY_MS);
      }
    }
    return undefined;
  }

  #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(delayMs, resolve);
    this.#cancelRetry = () => {
      cancel();
      resolve();
    };
    return promise;
  }
}

const refusalIn = (verdict: Verdict): Code | undefined => ("code" in verdict ? verdict.code : undefined);
