import { expect, test } from "vitest";
import { TimeSince } from "./time-since.ts";

test("time passes from when it began, and from when it began again", () => {
  const since = new TimeSince(1_000);
  expect(since.passedMs(1_300)).toBe(300);
  since.begin(2_000);
  expect(since.passedMs(2_500)).toBe(500);
});

test("on a clock that was put back, time counts from the first look after that", () => {
  const since = new TimeSince(10_000);
  expect(since.passedMs(4_000)).toBe(0);
  expect(since.passedMs(4_700)).toBe(700);
});

test("what is forgiven does not count", () => {
  const since = new TimeSince(0);
  since.forgive(400, 1_000);
  expect(since.passedMs(1_000)).toBe(600);
});

test("no more is forgiven than has passed, nor is time ever owed", () => {
  const since = new TimeSince(0);
  since.forgive(5_000, 1_000);
  expect(since.passedMs(1_200)).toBe(200);
});
