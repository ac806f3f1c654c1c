import { describe, expect, test } from "vitest";
import { matchesAny, matchesPattern } from "./session-pattern.ts";

describe("a session pattern", () => {
  test.each([
    ["trip-42", "trip-42"],
    ["*", "anything"],
    ["trip-*", "trip-"],
    ["trip-*", "trip-42"],
    ["*-42", "trip-42"],
    ["a*b*c", "a-b-b-c"],
    ["**", "x"],
    ["a*", "a*b"],
    ["~pool.*", "~pool.writer"],
  ])("%s covers %s", (pattern, name) => {
    expect(matchesPattern(pattern, name)).toBe(true);
  });

  test.each([
    ["trip-42", "trip-4"],
    ["trip-42", "trip-420"],
    ["trip-*", "my-trip-42"],
    ["a*b*c", "a-b-b"],
    ["", "x"],
    ["trip.42", "trip-42"],
    ["[a-z]+", "abc"],
    ["*", "~pool.writer"],
    ["*writer", "~pool.writer"],
  ])("%s does not cover %s", (pattern, name) => {
    expect(matchesPattern(pattern, name)).toBe(false);
  });

  test("made to be slow is not", () => {
    expect(matchesPattern(`${"*a".repeat(60)}b`, "a".repeat(128))).toBe(false);
  });

  test("is one of several, and none covers nothing", () => {
    expect(matchesAny(["a", "b*"], "bc")).toBe(true);
    expect(matchesAny([], "a")).toBe(false);
  });
});
