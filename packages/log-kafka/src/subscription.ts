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
  /** What is told once the running callback has ended. */
  #failure: LogError | undefined;
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
    this.#failure = undefined;
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

  /** The partition cannot go on: its listener hears so when it is not in a callback any more. */
  fail(error: LogError): void {
    if (this.#isStopped) return;
    this.stop();
    if (this.#holding === undefined) this.#tell(error);
    else this.#failure = error;
  }

  #tell(error: LogError): void {
    this.#onFailed();
    this.#listener.onPartitionError(this.partition, error);
  }

  /** A callback runs from when it is called, so that a place which it leaves itself knows that it is not done yet. */
  #deliver({ entries, nextOffset, end }: Fetched): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#holding = promise;
    const ended = (): void => {
      this.#holding = undefined;
      resolve();
      this.#goOn();
    };
    // Where the partition cannot go on for another reason already, that one is told.
    const failed = (cause: unknown): void => {
      this.fail(new LogError("unavailable", "the listener of this tail failed; add the partition again", { cause }));
      ended();
    };
    try {
      const held = this.#listener.onEntries(this.partition, entries, nextOffset, end);
      if (held === undefined) ended();
      else held.then(ended, failed);
    } catch (cause) {
      failed(cause);
    }
  }

  #goOn(): void {
    const [failure, waiting] = [this.#failure, this.#waiting];
    if (failure !== undefined) {
      this.#failure = undefined;
      this.#tell(failure);
    } else if (waiting !== undefined) {
      this.#waiting = undefined;
      this.#deliver(waiting);
      if (!this.#isStopped) this.#owner?.wants(this);
    }
  }
}
