import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { createContext, Script } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PassingMap } from "./passing-map.ts";

setFlagsFromString("--expose-gc");
const collectMinor = new Script('gc({ type: "minor" })');
const withCollector = createContext();

/** Twice survived is old. */
function collectYoung(): void {
  for (let times = 0; times < 2; times += 1) collectMinor.runInContext(withCollector);
}

/** Objects that pass through a map, and how many are in it at once. */
const THROUGH = 5_000;
const INSIDE = 3;

const step = fc.record({ key: fc.integer({ min: 0, max: 40 }), value: fc.option(fc.integer(), { nil: undefined }) });

describe("PassingMap", () => {
  it("holds what a Map would, in its order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const passing = new PassingMap<number, number>();
        const plain = new Map<number, number>();
        for (const { key, value } of steps) {
          for (const map of [passing, plain]) {
            if (value === undefined) map.delete(key);
            else map.set(key, value);
          }
          expect(passing.size).toBe(plain.size);
          expect(passing.get(key)).toBe(plain.get(key));
        }
        expect([...passing.values()]).toEqual([...plain.values()]);
        expect([...passing.keys()]).toEqual([...plain.keys()]);
      }),
    );
  });

  it("leaves what has gone to a collection of the young, where a Map makes it old", () => {
    const few = THROUGH * 80;
    expect(leftBehindBytes(new PassingMap())).toBeLessThan(few);
    expect(leftBehindBytes(new Map())).toBeGreaterThan(few);
  });
});

/** How much older the heap is after many objects of 800 bytes have passed through the map. */
function leftBehindBytes(map: PassingMap<number, object> | Map<number, object>): number {
  collectYoung();
  const before = oldBytes();
  for (let key = 0; key < THROUGH; key += 1) {
    map.set(
      key,
      Array.from({ length: 100 }, () => key),
    );
    if (key >= INSIDE) map.delete(key - INSIDE);
    if (key % 500 === 0) collectYoung();
  }
  collectYoung();
  return oldBytes() - before;
}

const oldBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === "old_space")?.space_used_size ?? 0;
