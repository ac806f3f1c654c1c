// Which faults come when: all drawn from the seed before the first one, so that a run can be repeated.
import type { Random } from "./random.ts";

export type Harm = "kill" | "freeze" | "cut" | "cut in frames" | "stall";

export interface Fault {
  readonly atMs: number;
  readonly harm: Harm;
  readonly target: string;
  /** How long a killed one stays away, a frozen one frozen, a stalled connection still. */
  readonly forMs: number;
}

/** Something that can be harmed: a kind of process, or the connections to one. */
export interface Target {
  readonly kind: string;
  readonly names: readonly string[];
  readonly harms: readonly Harm[];
}

const GAP_MS = [400, 2_000] as const;
/** Frozen and stalled for longer, now and then, than any lease, grace time or heartbeat lasts. */
const LASTS_MS: Readonly<Record<Harm, readonly [number, number]>> = {
  kill: [0, 2_500],
  freeze: [500, 9_000],
  stall: [200, 4_000],
  cut: [0, 0],
  "cut in frames": [0, 0],
};

/** Every kind gets each of its harms once before any comes again. */
export function planFaults(random: Random, targets: readonly Target[], durationMs: number): Fault[] {
  const faults: Fault[] = [];
  const cards = targets.flatMap(({ harms, names }) => harms.map((harm) => ({ harm, names })));
  let deck: typeof cards = [];
  for (let atMs = random.between(...GAP_MS); atMs < durationMs; atMs += random.between(...GAP_MS)) {
    if (deck.length === 0) deck = random.shuffled(cards);
    const card = deck.pop();
    if (card === undefined) break;
    const { harm, names } = card;
    const target = names[random.between(0, names.length - 1)] ?? "";
    faults.push({ atMs, harm, target, forMs: random.between(...LASTS_MS[harm]) });
  }
  return faults;
}
