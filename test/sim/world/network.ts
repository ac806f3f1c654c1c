import type { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** How messages fare, as long as nothing is cut. */
export interface Weather {
  /** Share of messages that are lost. */
  readonly lossRate: number;
  /** Share of messages that take long. */
  readonly slowRate: number;
  /** The longest that a slow one takes, in milliseconds. */
  readonly slowMs: number;
}

export const FAIR: Weather = { lossRate: 0, slowRate: 0.02, slowMs: 40 };

/** Between any two by name: messages that take their time, are lost, or cannot pass. */
export class Network {
  weather: Weather = FAIR;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #cuts = new Set<string>();

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  cut(one: string, other: string): void {
    this.#cuts.add(pairOf(one, other));
  }

  heal(one: string, other: string): void {
    this.#cuts.delete(pairOf(one, other));
  }

  healAll(): void {
    this.#cuts.clear();
    this.weather = FAIR;
  }

  isCut(one: string, other: string): boolean {
    return this.#cuts.has(pairOf(one, other));
  }

  /** Calls at the other end when the message arrives, if it does. Messages overtake each other. */
  send(from: string, to: string, owner: SimProcess | undefined, arrive: () => void): void {
    if (this.isCut(from, to) || this.#random.chance(this.weather.lossRate)) return;
    this.#scheduler.after(this.delayMs(), owner, arrive);
  }

  delayMs(): number {
    const { slowRate, slowMs } = this.weather;
    return this.#random.chance(slowRate) ? this.#random.between(2, slowMs) : this.#random.between(0.2, 2);
  }
}

const pairOf = (one: string, other: string): string => (one < other ? `${one} ${other}` : `${other} ${one}`);
