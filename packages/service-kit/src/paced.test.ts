import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";
import { type Pace, Paced } from "./paced.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function called(perSecond: number, begins: Pace["begins"] = "at once") {
  const paced = new Paced<object>(systemClock, { perSecond, begins });
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

test("where it begins with a turn nobody is called before one has come, also after a while of nothing", () => {
  const { calls, add } = called(30, "with a turn");
  for (let times = 1; times <= 2; times += 1) {
    add();
    vi.advanceTimersByTime(99);
    expect(calls.splice(0)).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(calls.splice(0)).toEqual([0, 1, 2]);
    vi.advanceTimersByTime(100);
    expect(calls.splice(0)).toEqual([3, 4]);
    vi.advanceTimersByTime(1_000);
  }
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
