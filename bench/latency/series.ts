import { performance } from "node:perf_hooks";
import { Samples } from "./samples.ts";

/** Every token is this long, so that a merged append can be taken apart again. */
export const tokenLength = 10;

/** A token that says which one it is. */
export const tokenOf = (number: number): string => String(number).padStart(tokenLength - 1, "0") + " ";

/** Tokens on their way, each known by its number, and how long each took. */
export class Series {
  readonly #sentMs: number[] = [];
  readonly #samples = new Samples();
  #arrived = 0;
  #onAll: (() => void) | undefined;

  /** A token that says which one it is; its clock starts now. */
  next(): string {
    const token = tokenOf(this.#sentMs.length);
    this.#sentMs.push(performance.now());
    return token;
  }

  /** One or more whole tokens have arrived. Throws where something else did. */
  arrived(text: string): void {
    const nowMs = performance.now();
    for (let start = 0; start < text.length; start += tokenLength) {
      const sentMs = this.#sentMs[Number(text.slice(start, start + tokenLength))];
      if (sentMs === undefined) throw new Error(`this is no token of the series: ${text}`);
      this.#samples.add(nowMs - sentMs);
      this.#arrived += 1;
    }
    if (this.#arrived === this.#sentMs.length) this.#onAll?.();
  }

  /** Resolves when everything that was sent has arrived; nothing more may be sent. */
  async settled(): Promise<void> {
    if (this.#arrived >= this.#sentMs.length) return;
    await new Promise<void>((resolve) => {
      this.#onAll = resolve;
    });
  }

  get samples(): Samples {
    return this.#samples;
  }
}
