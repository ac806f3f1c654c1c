/** A Map is left behind after so many deletions, and so before it grows old. */
const DELETIONS_MAX = 16;

/**
 * A Map for entries that come and go all the time, a few at once.
 *
 * V8 links each table that a Map has outgrown to the one after it, for iterators that may still walk the old one. Once
 * one of them has grown old, so does every later one, with all that was in it: what lives for a millisecond is then
 * copied twice and kept until the old generation is marked, which came to 4 KB for each token of a busy session. This
 * one begins a new Map before that can happen.
 */
export class PassingMap<Key, Value> {
  #entries = new Map<Key, Value>();
  #deletions = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
  }

  /** Whether it was there. */
  delete(key: Key): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#deletions += 1;
    if (this.#deletions > DELETIONS_MAX + this.#entries.size) this.#beginAnew(this.#entries);
    return true;
  }

  clear(): void {
    if (this.#entries.size > 0) this.#beginAnew();
  }

  keys(): MapIterator<Key> {
    return this.#entries.keys();
  }

  values(): MapIterator<Value> {
    return this.#entries.values();
  }

  #beginAnew(entries?: ReadonlyMap<Key, Value>): void {
    this.#entries = new Map(entries);
    this.#deletions = 0;
  }
}
