import { LogError } from "@perdure/log";
import type { Entry, TailListener } from "@perdure/log";

/** What a fetch brought for one subscription. */
export interface Fetched {
  readonly entries: readonly Entry[];
  readonly nextOffset: number;
  readonly end: number;
}

/** Polls for a subscription. */
export interface SubscriptionOwner {
  /** It has room again. */
  wants(subscription: Subscription): void;
  /** It is polled for no longer. */
  drop(subscription: Subscription): void;
}

/**
 * One tail's place in one partition. While its listener holds it, one more fetch is taken in, so that a listener that
 * is only briefly busy never interrupts the polling; then it is full until the listener is done.
 */
export class Subscription {
  readonly topic: string;
  readonly partition: number;
  readonly #listener: TailListener;
  readonly #onFailed: () => void;
  #fetchOffset: number;
  #waiting: Fetched | undefined;
  #holding: Promise<void> | undefined;
  #wasToldOnce = false;
  #owner: SubscriptionOwner | undefined;
  #isStopped = false;

  constructor(
    place: { readonly topic: string; readonly partition: number; readonly offset: number },
    listener: TailListener,
    onFailed: () => void,
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.#fetchOffset = place.offset;
    this.#listener = listener;
    this.#onFailed = onFailed;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Whether the listener knows where the partition stands. */
  get wasToldOnce(): boolean {
    return this.#wasToldOnce;
  }

  /** Where the next fetch begins. */
  get fetchOffset(): number {
    return this.#fetchOffset;
  }

  get isFull(): boolean {
    return this.#waiting !== undefined;
  }

  /** Settles when the running callback has ended; undefined where none runs. */
  get holding(): Promise<void> | undefined {
    return this.#holding;
  }

  /** From now on `owner` polls for it. */
  ownedBy(owner: SubscriptionOwner): void {
    this.#owner = owner;
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting = undefined;
    this.#owner?.drop(this);
  }

  /** Takes what was fetched from `fetchOffset` on. */
  receive(fetched: Fetched): void {
    if (this.#isStopped || this.isFull) return;
    if (this.#wasToldOnce && fetched.nextOffset === this.#fetchOffset) return;
    this.#wasToldOnce = true;
    this.#fetchOffset = fetched.nextOffset;
    if (this.#holding === undefined) this.#deliver(fetched);
    else this.#waiting = fetched;
  }

  /** Tells the listener that the partition cannot go on. */
  fail(error: LogError): void {
    if (this.#isStopped) return;
    this.stop();
    this.#onFailed();
    this.#listener.onPartitionError(this.partition, error);
  }

  #deliver({ entries, nextOffset, end }: Fetched): void {
    try {
      const held = this.#listener.onEntries(this.partition, entries, nextOffset, end);
      if (held !== undefined) this.#hold(held);
    } catch (cause) {
      this.#failListener(cause);
    }
  }

  #hold(held: Promise<void>): void {
    this.#holding = held.then(
      () => this.#release(),
      (cause: unknown) => {
        this.#holding = undefined;
        this.#failListener(cause);
      },
    );
  }

  #release(): void {
    this.#holding = undefined;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#deliver(waiting);
    if (!this.#isStopped) this.#owner?.wants(this);
  }

  #failListener(cause: unknown): void {
    this.fail(new LogError("unavailable", "the listener of this tail failed; add the partition again", { cause }));
  }
}
