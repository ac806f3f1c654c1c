/** Tokens as they are made, for one reader: an async iterable that a model's stream could be. */
export class TokenQueue implements AsyncIterableIterator<string, undefined> {
  readonly #waiting: string[] = [];
  #ended = false;
  /** The reader waits. */
  #answer: ((next: IteratorResult<string, undefined>) => void) | undefined;

  push(token: string): void {
    this.#waiting.push(token);
    this.#tell();
  }

  end(): void {
    this.#ended = true;
    this.#tell();
  }

  next(): Promise<IteratorResult<string, undefined>> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#tell();
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #tell(): void {
    const answer = this.#answer;
    if (answer === undefined || (this.#waiting.length === 0 && !this.#ended)) return;
    this.#answer = undefined;
    const token = this.#waiting.shift();
    answer(token === undefined ? { done: true, value: undefined } : { done: false, value: token });
  }
}
