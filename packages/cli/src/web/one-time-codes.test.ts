import { describe, expect, it } from "vitest";
import { oneTimeCodes } from "./one-time-codes.ts";

describe("a one-time code", () => {
  it("is good once", () => {
    const codes = oneTimeCodes(() => 0);
    const code = codes.issue(60_000);
    expect([codes.redeem(code), codes.redeem(code)]).toEqual([true, false]);
  });

  it("is good until its time is over", () => {
    let nowMs = 0;
    const codes = oneTimeCodes(() => nowMs);
    const [early, late] = [codes.issue(60_000), codes.issue(60_000)];
    nowMs = 59_999;
    expect(codes.redeem(early)).toBe(true);
    nowMs = 60_000;
    expect(codes.redeem(late)).toBe(false);
  });

  it("cannot be guessed", () => {
    const codes = oneTimeCodes(() => 0);
    const code = codes.issue(60_000);
    expect(Buffer.from(code, "base64url").length).toBe(16);
    expect(["", code.slice(1), `${code}A`].map((guess) => codes.redeem(guess))).toEqual([false, false, false]);
    expect(codes.redeem(code)).toBe(true);
  });

  it("gives way to newer ones where very many were asked for", () => {
    const codes = oneTimeCodes(() => 0);
    const first = codes.issue(60_000);
    const later = Array.from({ length: 64 }, () => codes.issue(60_000));
    expect(codes.redeem(first)).toBe(false);
    expect(later.every((code) => codes.redeem(code))).toBe(true);
  });
});
