interface Waiter {
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** How far a partition has been read, and who waits for it to be read further. */
export class Position {
  #next: number;
  #waiters: Waiter[] = [];
  #failure: Error | undefined;

  constructor(next: number) {
    this.#next = next;
  }

  /** The offset that is read next: all below it have been. */
  get next(): number {
    return this.#next;
  }

  advance(next: number): void {
    if (next <= this.#next) return;
    this.#next = next;
    if (this.#waiters.length === 0) return;
    const reached = this.#waiters.filter(({ offset }) => offset <= next);
    this.#waiters = this.#waiters.filter(({ offset }) => offset > next);
    for (const waiter of reached) waiter.resolve();
  }

  /** Settles when everything below `offset` has been read; rejects with what `fail` was given. */
  reached(offset: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (offset <= this.#next) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ offset, resolve, reject });
    });
  }

  /** Nothing is read any more. */
  fail(error: Error): void {
    this.#failure ??= error;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }
}
