// Does to a fleet what a plan says.
import { setTimeout as delay } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";
import type { Mortal } from "./mortal.ts";
import type { Fault, Harm, Target } from "./plan.ts";
import type { Random } from "./random.ts";

/** What of a fleet can be harmed, and how. */
export function targetsOf(fleet: Fleet): Target[] {
  const kinds = Map.groupBy(fleet.mortals, ({ kind }) => kind);
  const processes = [...kinds].map(([kind, mortals]): Target => ({
    kind,
    names: mortals.map(({ name }) => name),
    harms: ["kill", "freeze"],
  }));
  const connections = [...fleet.proxies.keys()].map((name): Target => ({
    kind: `connections of ${name}`,
    names: [name],
    harms: ["cut", "cut in frames", "stall"],
  }));
  return [...processes, ...connections];
}

const BROKER_REST_MS = 10_000;

export interface HarmCounts {
  readonly done: ReadonlyMap<string, number>;
  /** Faults whose target was suffering another one. */
  readonly skipped: number;
}

export class Harmer {
  readonly #fleet: Fleet;
  readonly #random: Random;
  readonly #note: (line: string) => void;
  readonly #suffering = new Set<string>();
  readonly #healing: Promise<void>[] = [];
  readonly #failures: unknown[] = [];
  readonly #done = new Map<string, number>();
  #skipped = 0;

  constructor(fleet: Fleet, random: Random, note: (line: string) => void) {
    this.#fleet = fleet;
    this.#random = random;
    this.#note = note;
  }

  get counts(): HarmCounts {
    return { done: this.#done, skipped: this.#skipped };
  }

  /** Carries out a plan to its end; resolves when all is healed. Throws, at the end, where something did not come back. */
  async run(faults: readonly Fault[], durationMs: number): Promise<void> {
    const startedMs = performance.now();
    const until = (atMs: number): Promise<void> => delay(Math.max(0, startedMs + atMs - performance.now()));
    for (const fault of faults) {
      await until(fault.atMs);
      this.#begin(fault);
    }
    await until(durationMs);
    await Promise.all(this.#healing);
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, this.#failures.map(String).join("\n"));
  }

  #begin(fault: Fault): void {
    const { harm, target, forMs } = fault;
    const mortal = this.#fleet.mortals.find(({ name }) => name === target);
    if (mortal !== undefined && this.#suffering.has(target)) {
      this.#skipped += 1;
      return;
    }
    const what = mortal === undefined ? `${harm}, connections of ${target}` : `${harm}, ${mortal.kind}`;
    this.#done.set(what, (this.#done.get(what) ?? 0) + 1);
    this.#note(`${harm} ${target}${forMs > 0 ? ` for ${forMs} ms` : ""}`);
    if (mortal === undefined) this.#disturb(harm, target, forMs);
    else
      this.#healing.push(this.#strike(mortal, harm, forMs).catch((error: unknown) => void this.#failures.push(error)));
  }

  #disturb(harm: Harm, target: string, forMs: number): void {
    for (const proxy of this.#fleet.proxies.get(target) ?? []) {
      if (harm === "stall") proxy.stall(forMs);
      else proxy.cut({ share: this.#random.next(), inFrames: harm === "cut in frames" });
    }
  }

  async #strike(mortal: Mortal, harm: Harm, forMs: number): Promise<void> {
    this.#suffering.add(mortal.name);
    if (harm === "kill") {
      await mortal.kill();
      await delay(forMs);
      await mortal.revive();
    } else {
      mortal.freeze();
      await delay(forMs);
      mortal.thaw();
    }
    // A broker that is never there for long shows nothing but that nothing works without one.
    setTimeout(() => this.#suffering.delete(mortal.name), mortal.kind === "broker" ? BROKER_REST_MS : 0);
  }
}
