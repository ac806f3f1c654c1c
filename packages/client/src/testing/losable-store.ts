import type { KeyValueStore } from "../environment.ts";

type Write = readonly [key: string, value: string | undefined];

/** A device's storage, which may lose what was written last, as where the browser crashes before that is on disk. */
export class LosableStore implements KeyValueStore {
  readonly #writes: Write[];
  readonly #items = new Map<string, string>();

  constructor(writes: readonly Write[] = []) {
    this.#writes = [...writes];
    for (const [key, value] of writes) this.#apply(key, value);
  }

  get length(): number {
    return this.#items.size;
  }

  get writeCount(): number {
    return this.#writes.length;
  }

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
  }

  setItem(key: string, value: string): void {
    this.#write(key, value);
  }

  removeItem(key: string): void {
    this.#write(key, undefined);
  }

  /** The storage as a crash leaves it. `isLost` is asked of each write, the last one being of age 0. */
  without(isLost: (age: number) => boolean): LosableStore {
    return new LosableStore(this.#writes.filter((_write, index) => !isLost(this.#writes.length - 1 - index)));
  }

  #write(key: string, value: string | undefined): void {
    this.#writes.push([key, value]);
    this.#apply(key, value);
  }

  #apply(key: string, value: string | undefined): void {
    if (value === undefined) this.#items.delete(key);
    else this.#items.set(key, value);
  }
}
