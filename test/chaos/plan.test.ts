import { describe, expect, test } from "vitest";
import { planFaults, type Target } from "./plan.ts";
import { seeded } from "./random.ts";

const MINUTE_MS = 60_000;
const TARGETS: readonly Target[] = [
  { kind: "edge", names: ["edge-1", "edge-2"], harms: ["kill", "freeze"] },
  { kind: "connections of clients", names: ["clients"], harms: ["cut", "cut in frames", "stall"] },
];

describe("a plan of faults", () => {
  test("is the same for the same seed, and another for another", () => {
    const plan = (seed: number) => planFaults(seeded(seed), TARGETS, MINUTE_MS);
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  test("has every harm of every kind once before any comes again, in order, within its time", () => {
    const faults = planFaults(seeded(1), TARGETS, MINUTE_MS);
    expect(faults.length).toBeGreaterThan(25);
    for (let first = 0; first + 5 <= faults.length; first += 5) {
      const harms = faults.slice(first, first + 5).map(({ harm, target }) => `${harm} ${target.split("-")[0]}`);
      const all = ["cut clients", "cut in frames clients", "freeze edge", "kill edge", "stall clients"];
      expect(harms.toSorted()).toEqual(all);
    }
    const times = faults.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(MINUTE_MS);
    expect(new Set(faults.map(({ target }) => target)).size).toBe(3);
  });
});
