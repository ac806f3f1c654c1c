/** Makes calls one a turn of the event loop, so that many which come due at once do not hold up what cannot wait. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #running = false;

  add(call: () => void): void {
    this.#waiting.push(call);
    if (!this.#running) this.#next();
  }

  #next(): void {
    this.#running = true;
    setImmediate(() => {
      const call = this.#waiting.shift();
      this.#running = this.#waiting.length > 0;
      if (this.#running) this.#next();
      call?.();
    });
  }
}
