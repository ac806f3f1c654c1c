import type { KeyValueStore } from "./environment.ts";

/** A store that may deny anything at any time, being full, switched off or taken away: what fails is as good as absent. */
export class Kept {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  read(key: string): unknown {
    return attempt((): unknown => JSON.parse(this.#store.getItem(key) ?? "null"), undefined);
  }

  /** False: it is not there; what was there before is. */
  write(key: string, value: unknown): boolean {
    return attempt(() => {
      this.#store.setItem(key, JSON.stringify(value));
      return true;
    }, false);
  }

  remove(key: string): void {
    attempt(() => this.#store.removeItem(key), undefined);
  }

  /** What follows `start` in the keys that begin with it. */
  keysAfter(start: string): string[] {
    return attempt(() => Array.from({ length: this.#store.length }, (_, index) => this.#store.key(index) ?? ""), [])
      .filter((key) => key.startsWith(start))
      .map((key) => key.slice(start.length));
  }
}

function attempt<Result>(call: () => Result, otherwise: Result): Result {
  try {
    return call();
  } catch {
    return otherwise;
  }
}
