/** Tokens as they are made, for one reader: an async iterable that a model's stream could be. */
export class TokenQueue implements AsyncIterable<string> {
  readonly #waiting: string[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  push(token: string): void {
    this.#waiting.push(token);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const token = this.#waiting.shift();
      if (token !== undefined) yield token;
      else if (this.#ended) return;
      else await this.#more();
    }
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
