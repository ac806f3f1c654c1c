import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";
import { Paced } from "./paced.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function called(perSecond: number) {
  const paced = new Paced(systemClock, perSecond);
  const calls: number[] = [];
  const all = [0, 1, 2, 3, 4].map((index) => ({ index }));
  const add = (): void => all.forEach((whom) => paced.add(whom, () => calls.push(whom.index)));
  return { paced, calls, add };
}

test("as many as fit into a turn are called at once, and the others as their turns come", () => {
  const { calls, add } = called(20);
  add();
  expect(calls).toEqual([0, 1]);
  vi.advanceTimersByTime(99);
  expect(calls).toEqual([0, 1]);
  vi.advanceTimersByTime(1);
  expect(calls).toEqual([0, 1, 2, 3]);
  vi.advanceTimersByTime(100);
  expect(calls).toEqual([0, 1, 2, 3, 4]);
  vi.advanceTimersByTime(100);
  add();
  expect(calls.slice(5)).toEqual([0, 1]);
});

test("who waits is called once, however often it is asked for, and nobody is once it is closed", () => {
  const { paced, calls, add } = called(10);
  add();
  add();
  vi.advanceTimersByTime(500);
  expect(calls).toEqual([0, 1, 2, 3, 4, 0]);
  add();
  paced.close();
  vi.advanceTimersByTime(500);
  expect(calls).toHaveLength(6);
});
