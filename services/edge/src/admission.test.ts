import { ManualClock } from "@perdure/replica/testing";
import { expect, test } from "vitest";
import { Admission } from "./admission.ts";

test("a second's worth of newcomers comes in at once, and then as many as the rate allows", () => {
  const clock = new ManualClock();
  const admission = new Admission(clock, 10, 30_000);
  const taken = (count: number): number =>
    Array.from({ length: count }, () => admission.ask()).filter((waitMs) => waitMs === undefined).length;
  expect(taken(50)).toBe(10);
  clock.advance(500);
  expect(taken(50)).toBe(5);
  clock.advance(60_000);
  expect(taken(50)).toBe(10);
});

test("those who are sent away are told moments of their own, so that they come back spread out", () => {
  const admission = new Admission(new ManualClock(), 10, 30_000);
  const waits = Array.from({ length: 30 }, () => admission.ask()).filter((waitMs) => waitMs !== undefined);
  expect(waits).toEqual(Array.from({ length: 20 }, (_, index) => 1_100 + index * 100));
});

test("nobody is told to stay away for longer than the limit", () => {
  const admission = new Admission(new ManualClock(), 1, 5_000);
  const waits = Array.from({ length: 100 }, () => admission.ask()).filter((waitMs) => waitMs !== undefined);
  expect(Math.max(...waits)).toBe(5_000);
  expect(Math.min(...waits)).toBeGreaterThan(0);
});
