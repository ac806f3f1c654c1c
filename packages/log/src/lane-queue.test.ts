import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { createContext, Script } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LaneQueue } from "./lane-queue.ts";
import type { QueuedItem } from "./lane-queue.ts";

setFlagsFromString("--expose-gc");
const withCollector = createContext();
const collectGarbage = (): void => void new Script("gc()").runInContext(withCollector);

interface Item extends QueuedItem {
  readonly number: number;
}

const WIDE = { laneQueueBytes: 1_000_000, partitionQueueBytes: 1_000_000 };

function item(lane: string, number: number, sizeBytes = 10): Item {
  return { lane, number, sizeBytes };
}

describe("LaneQueue", () => {
  test("takes turns among lanes, in order within each", () => {
    const queue = new LaneQueue<Item>(WIDE);
    for (const lane of ["a", "a", "a", "b", "c", "c"]) queue.offer(item(lane, queue.waitingCount));
    expect(queue.take(1_000).map(({ lane, number }) => `${lane}${number}`)).toEqual([
      "a0",
      "b3",
      "c4",
      "a1",
      "c5",
      "a2",
    ]);
  });

  test("goes on with the lane whose turn it is in the next take", () => {
    const queue = new LaneQueue<Item>(WIDE);
    for (const lane of ["a", "a", "b", "b"]) queue.offer(item(lane, queue.waitingCount));
    expect(queue.take(10).map(({ lane }) => lane)).toEqual(["a"]);
    expect(queue.take(20).map(({ lane }) => lane)).toEqual(["b", "a"]);
    expect(queue.take(20).map(({ lane }) => lane)).toEqual(["b"]);
    expect(queue.take(20)).toEqual([]);
  });

  test("takes at least one, however large", () => {
    const queue = new LaneQueue<Item>(WIDE);
    queue.offer(item("a", 0, 500));
    queue.offer(item("a", 1, 500));
    expect(queue.take(1)).toHaveLength(1);
  });

  test("counts what was taken until it is released", () => {
    const queue = new LaneQueue<Item>({ laneQueueBytes: 20, partitionQueueBytes: 30 });
    expect([queue.offer(item("a", 0)), queue.offer(item("a", 1)), queue.offer(item("a", 2))]).toEqual([
      true,
      true,
      false,
    ]);
    expect([queue.offer(item("b", 3)), queue.offer(item("c", 4))]).toEqual([true, false]);
    const [taken] = queue.take(1);
    expect(queue.offer(item("a", 5))).toBe(false);
    if (taken !== undefined) queue.release(taken);
    expect(queue.offer(item("a", 6))).toBe(true);
    expect(queue.heldBytes).toBe(30);
  });

  test("lets go of what was taken from a lane in which something always waits", async () => {
    const queue = new LaneQueue<Item>(WIDE);
    const taken: WeakRef<Item>[] = [];
    for (let number = 0; number < 1_000; number += 1) {
      queue.offer(item("busy", number));
      if (number < 2) continue;
      for (const each of queue.take(1)) {
        queue.release(each);
        taken.push(new WeakRef(each));
      }
    }
    // A WeakRef holds what it refers to until the turn ends.
    await nextTurn();
    collectGarbage();
    expect(taken.filter((each) => each.deref() !== undefined).length).toBeLessThan(50);
    expect(queue.waitingCount).toBe(2);
  });

  test("never loses, doubles or reorders an item of a lane, and ends empty", () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ lane: fc.constantFrom("a", "b", "c"), sizeBytes: fc.integer({ min: 1, max: 40 }) }),
        fc.record({ maxBytes: fc.integer({ min: 1, max: 120 }) }),
      ),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new LaneQueue<Item>({ laneQueueBytes: 100, partitionQueueBytes: 200 });
        const accepted: Item[] = [];
        const taken: Item[] = [];
        for (const [number, step] of all.entries()) {
          if ("maxBytes" in step) taken.push(...queue.take(step.maxBytes));
          else if (queue.offer({ ...step, number })) accepted.push({ ...step, number });
          expect(queue.heldBytes).toBeLessThanOrEqual(200);
        }
        taken.push(...queue.take(10_000));
        for (const lane of ["a", "b", "c"]) {
          expect(taken.filter((each) => each.lane === lane)).toEqual(accepted.filter((each) => each.lane === lane));
        }
        for (const each of taken) queue.release(each);
        expect([queue.heldBytes, queue.waitingCount]).toEqual([0, 0]);
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});
