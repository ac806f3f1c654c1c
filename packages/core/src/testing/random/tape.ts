/** Choices that fast-check makes and shrinks: each number picks one of some possibilities; zeros when they run out. */
export class Tape {
  #next = 0;
  readonly #choices: readonly number[];

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#choices.length;
  }

  below(count: number): number {
    const choice = this.#choices[this.#next] ?? 0;
    this.#next += 1;
    return count === 0 ? 0 : choice % count;
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error("nothing to choose from");
    return value;
  }

  /** One of the values, mostly; sometimes something else. */
  mostly(values: Iterable<string>, otherwise: string): string {
    const all = [...values];
    return all.length === 0 || this.below(12) === 11 ? otherwise : this.of(all);
  }

  get text(): string {
    return this.of(["", "a", "plan", "über ", "🜁", '{"a":[1]}', "x".repeat(300), "y".repeat(1200)]);
  }

  /** A text that fits a line. */
  get line(): string {
    return this.text.slice(0, 200);
  }
}
