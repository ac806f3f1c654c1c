import type { Random } from "../world/random.ts";
import { PEOPLE, type Step, WORKERS } from "./deeds.ts";

/** Connections that meet trouble in their first moments, and keys that are changed, late, or not to be had. */
export function greetingsOf(random: Random, activeMs: number): Step[] {
  const meets = Array.from({ length: random.below(8) }, () => meetOf(random, activeMs));
  const rotations = Array.from(
    { length: random.below(3) },
    () => ({ kind: "rotate", atMs: atOf(random, activeMs) }) as const,
  );
  const outages = Array.from({ length: random.below(3) }, () => outageOf(random, activeMs));
  return [...meets, ...rotations, ...outages];
}

const atOf = (random: Random, activeMs: number): number => Math.round(random.between(0, activeMs));

function meetOf(random: Random, activeMs: number): Step {
  return {
    kind: "meet",
    atMs: atOf(random, activeMs),
    who: random.of([...PEOPLE, ...WORKERS]),
    trouble: random.of(["stall", "stall", "mute", "break", "pause", "pause", "kill"] as const),
    packetCount: random.below(2),
    // A hello is on its way for up to 4 ms on a fair line; a node waits 5 s for it, and whoever says it 10 s for an answer.
    afterMs: Math.round(random.between(0, 5) * 10) / 10,
    forMs: Math.round(random.between(2_000, 11_000)),
  };
}

function outageOf(random: Random, activeMs: number): Step {
  return {
    kind: "keys",
    atMs: atOf(random, activeMs),
    slowMs: random.of([300, 3_000, 8_000]),
    failRate: random.of([0, 0.5, 1]),
    forMs: Math.round(random.between(500, 10_000)),
  };
}
