import { ManualClock } from "@perdure/replica/testing";
import { expect, test } from "vitest";
import { StoredMarks } from "./stored-marks.ts";

function setUp() {
  const clock = new ManualClock();
  const told: string[] = [];
  const marks = new StoredMarks(clock, (producer, number) => told.push(`${producer} ${number}`));
  return { clock, told, marks };
}

const record = (number: number, producer = "p") => ({ producer, first: number, last: number });

test("a record whose verdict is late is told to be stored, several as one number", () => {
  const { clock, told, marks } = setUp();
  for (const number of [1, 2, 3]) marks.stored(record(number));
  marks.stored(record(7, "q"));
  expect(told).toEqual([]);
  clock.advance(10);
  expect(told).toEqual(["p 3", "q 7"]);
});

test("where the verdict was quicker nothing is told", () => {
  const { clock, told, marks } = setUp();
  marks.stored(record(1));
  marks.judged(record(1));
  clock.advance(10);
  marks.stored(record(2));
  clock.advance(10);
  expect(told).toEqual(["p 2"]);
});

test("nothing from a record on that the log did not take, until it has taken it", () => {
  const { clock, told, marks } = setUp();
  marks.failed(record(2));
  marks.stored(record(1));
  marks.stored(record(3));
  clock.advance(10);
  marks.stored(record(2));
  clock.advance(10);
  expect(told).toEqual(["p 1", "p 2"]);
});
