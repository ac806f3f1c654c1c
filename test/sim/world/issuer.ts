import type { Random } from "./random.ts";

/** How the issuer fares that nodes ask for its keys. */
export interface IssuerWeather {
  /** The longest that an answer takes, in milliseconds. */
  readonly slowMs: number;
  /** Share of questions that get no keys. */
  readonly failRate: number;
}

export const ANSWERS: IssuerWeather = { slowMs: 20, failRate: 0 };

/** Whoever signs tokens: which keys there are, and how those that check tokens come by them. */
export class Issuer {
  weather: IssuerWeather = ANSWERS;
  /** Long enough that no token ends within a run, unless the plan says otherwise. */
  tokenLifeS = 1_000_000;
  readonly #random: Random;
  #key = 1;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The number of the key that it signs with. Those before are published still. */
  get key(): number {
    return this.#key;
  }

  /** Signs with another key from now on, which it publishes in the same moment. */
  rotate(): void {
    this.#key += 1;
  }

  /** What becomes of a question for its keys. */
  ask(): { readonly takesMs: number; readonly fails: boolean } {
    const { slowMs, failRate } = this.weather;
    return { takesMs: this.#random.between(1, slowMs), fails: this.#random.chance(failRate) };
  }
}
