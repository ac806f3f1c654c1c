import { sharedNowMs } from "./clock.ts";
import { tokenLength } from "./series.ts";

/** When the tokens of one series arrive, each known by its number. */
export class Arrivals {
  readonly #onAll: (atMs: readonly number[]) => void;
  #atMs: number[] = [];
  #missing = 0;

  constructor(onAll: (atMs: readonly number[]) => void) {
    this.#onAll = onAll;
  }

  expect(count: number): void {
    this.#atMs = Array.from({ length: count }, () => Number.NaN);
    this.#missing = count;
  }

  /** One or more whole tokens have arrived. Throws where something else did. */
  arrived(text: string): void {
    const nowMs = sharedNowMs();
    for (let start = 0; start < text.length; start += tokenLength) {
      const number = Number(text.slice(start, start + tokenLength));
      if (!Number.isNaN(this.#atMs[number] ?? 0)) throw new Error(`this is no token of the series: ${text}`);
      this.#atMs[number] = nowMs;
      this.#missing -= 1;
    }
    if (this.#missing === 0) this.#onAll(this.#atMs);
  }
}
