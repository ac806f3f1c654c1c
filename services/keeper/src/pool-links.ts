import type { PoolSignal, SessionState, Verdict } from "@perdure/core";
import { CODES, PerdureError } from "@perdure/core";
import { type EventJson, poolSessionId, type RecordJson, sessionKey } from "@perdure/protocol";
import type { Clock, HeldSession, Replica } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";

/** Who takes signals to pools. */
export interface SignalSender {
  /** The signal is tried, over failures of every kind, until the pool has judged it or nobody wants it any more. */
  send(tenant: string, signal: PoolSignal, waiter: SignalWaiter): void;
}

export interface SignalWaiter {
  /** Whether it is still to be sent; `again`: an attempt has failed, and the state may have gone on since. */
  isWanted(again: boolean): boolean;
  /** The pool has judged it, or it was not wanted any more. */
  onSettled(): void;
}

export interface PoolLinksParts {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly producer: string;
  readonly node: string;
  readonly retryMs: number;
}

interface Waiting {
  readonly event: EventJson;
  readonly waiter: SignalWaiter;
  readonly again: boolean;
}

/** The ways to the pools that sessions kept here have runs for. */
export class PoolLinks implements SignalSender {
  readonly #parts: PoolLinksParts;
  readonly #links = new Map<string, PoolLink>();
  #closed = false;

  constructor(parts: PoolLinksParts) {
    this.#parts = parts;
  }

  send(tenant: string, { agent, event }: PoolSignal, waiter: SignalWaiter): void {
    if (this.#closed) return;
    const pool = sessionKey(tenant, poolSessionId(agent));
    const link = this.#links.get(pool) ?? new PoolLink(this.#parts, pool, tenant, () => this.#links.delete(pool));
    this.#links.set(pool, link);
    link.send({ event, waiter, again: false });
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }
}

/** The way to one pool: signals go out in rounds, each when the one before has been judged. */
class PoolLink {
  readonly #parts: PoolLinksParts;
  readonly #pool: string;
  readonly #tenant: string;
  readonly #onDone: () => void;
  #waiting: Waiting[] = [];
  #running = false;
  #closed = false;
  #cancelRetry: () => void = () => undefined;

  constructor(parts: PoolLinksParts, pool: string, tenant: string, onDone: () => void) {
    this.#parts = parts;
    this.#pool = pool;
    this.#tenant = tenant;
    this.#onDone = onDone;
  }

  send(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (!this.#running) void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      await this.#sendAll();
      this.#running = false;
      this.#onDone();
    } catch (error) {
      if (this.#closed) return;
      const { logger, clock, retryMs } = this.#parts;
      logger.warn({ pool: this.#pool, err: error }, "a pool could not be told and is tried again");
      const delayMs = error instanceof PerdureError ? (error.retryAfterMs ?? retryMs) : retryMs;
      this.#cancelRetry = clock.after(delayMs, () => void this.#run());
    }
  }

  async #sendAll(): Promise<void> {
    const held = await this.#parts.replica.attach(this.#pool, { onAccepted: () => undefined, onLost: () => undefined });
    try {
      while (this.#waiting.length > 0 && !this.#closed) await this.#sendRound(held);
    } finally {
      held.detach();
    }
  }

  async #sendRound(held: HeldSession): Promise<void> {
    const round = this.#takeWanted();
    const created = held.state.epoch === undefined ? [{ sessionCreated: { title: "" } }] : [];
    const first = (held.state.ledger.producers.get(this.#parts.producer)?.last ?? 0) + 1;
    const records = [...created, ...round.map(({ event }) => event)].map((event, index) =>
      this.#record(held.state, event, first + index),
    );
    const outcomes = await Promise.allSettled(records.map((record) => held.publish(record).applied));
    const failures = outcomes.slice(created.length).map(failureOf);
    const failed = round.filter((_waiting, index) => failures[index] !== undefined);
    // In front of what came meanwhile, since the pool must hear of a run in order.
    this.#waiting = [...failed.map((waiting) => ({ ...waiting, again: true })), ...this.#waiting];
    for (const [index, { waiter }] of round.entries()) if (failures[index] === undefined) waiter.onSettled();
    const failure = failures.find((found) => found !== undefined);
    if (failure !== undefined) throw failure;
  }

  #takeWanted(): Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.filter(({ waiter, again }) => {
      const wanted = waiter.isWanted(again);
      if (!wanted) waiter.onSettled();
      return wanted;
    });
  }

  #record(state: SessionState, event: EventJson, number: number): RecordJson {
    return {
      producer: this.#parts.producer,
      first: number,
      last: number,
      born: state.seq,
      actor: { tenant: this.#tenant, participant: this.#parts.node, role: "ROLE_SYSTEM" },
      audience: "AUDIENCE_ALL",
      cause: { seq: state.seq },
      events: [event],
    };
  }
}

/** Undefined: it has arrived, even where the pool knew it already or wants it no more. */
function failureOf(outcome: PromiseSettledResult<Verdict>): Error | undefined {
  if (outcome.status === "rejected") {
    return outcome.reason instanceof Error ? outcome.reason : new Error(String(outcome.reason));
  }
  const verdict = outcome.value;
  if (verdict.kind !== "rejected" || !CODES[verdict.code].retryable) return undefined;
  return new PerdureError(verdict.code, `the pool refuses: ${verdict.code}`);
}
