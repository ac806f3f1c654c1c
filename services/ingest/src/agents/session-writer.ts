import { PerdureError, type Verdict } from "@perdure/core";
import { LogError } from "@perdure/log";
import type { ActorJson, AudienceJson, EventJson } from "@perdure/protocol";
import { type HeldSession, NodeProducer } from "@perdure/replica";
import type { Clock } from "@perdure/service-kit";

const RETRY_MS = 500;

/**
 * Writes what a node has to say in one session, in order and each record once: tried again under its number until the
 * log has it. A writer lives as long as the hold that it writes through.
 */
export class SessionWriter {
  readonly #held: HeldSession;
  readonly #actor: ActorJson;
  readonly #clock: Clock;
  readonly #producer: NodeProducer;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(held: HeldSession, actor: ActorJson, clock: Clock) {
    this.#held = held;
    this.#actor = actor;
    this.#clock = clock;
    this.#producer = new NodeProducer(held);
  }

  /** The verdict. `eventsNow` is asked when its turn comes; none: nothing is written. Throws PerdureError, LogError. */
  write(eventsNow: () => NodeEvents | undefined): Promise<Verdict | undefined> {
    const turn = this.#afterOthers(eventsNow);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #afterOthers(eventsNow: () => NodeEvents | undefined): Promise<Verdict | undefined> {
    await this.#turn;
    const next = eventsNow();
    return next && this.#write(next);
  }

  async #write(next: NodeEvents): Promise<Verdict> {
    const verdict = await this.#judged(next);
    return this.#producer.beginAnewAfter(verdict) ? this.#write(next) : verdict;
  }

  async #judged({ events, causeSeq, audience, attempt }: NodeEvents): Promise<Verdict> {
    const record = {
      ...this.#producer.next(),
      actor: this.#actor,
      events: [...events],
      ...(audience !== undefined && { audience }),
      ...(attempt !== undefined && { attempt }),
      ...(causeSeq !== undefined && { cause: { seq: causeSeq } }),
    };
    for (;;) {
      const { stored, applied } = this.#held.publish(record);
      try {
        await stored;
        return await applied;
      } catch (error) {
        if (error instanceof PerdureError || !(error instanceof LogError) || error.code !== "unavailable") throw error;
        await this.#pause(error.retryAfterMs ?? RETRY_MS);
      }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}

/** The events of one record; with a cause they are derived from what had that seq. */
export interface NodeEvents {
  readonly events: readonly EventJson[];
  readonly causeSeq?: number;
  /** Default: everyone. */
  readonly audience?: AudienceJson;
  /** Of a run, that the events speak of. */
  readonly attempt?: number;
}
