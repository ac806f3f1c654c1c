import { describe, expect, test } from "vitest";
import { CODES, isCode, PerdureError, STATUSES } from "./index.ts";

const table = Object.keys(CODES)
  .filter(isCode)
  .map((code) => [code, { ...CODES[code], ...STATUSES[code] }] as const);

describe("the table of codes", () => {
  test("SPEC 12.1: says what each code means, and how each transport says it", () => {
    for (const [code, info] of table) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(info.meaning).toMatch(/^[A-Z].*\.$/);
      expect(info.grpcStatus).toBeGreaterThanOrEqual(1);
      expect(info.grpcStatus).toBeLessThanOrEqual(16);
      expect(info.httpStatus).toBeGreaterThanOrEqual(400);
      expect(info.httpStatus).toBeLessThan(600);
    }
  });

  test("codes that close a WebSocket have numbers of their own, which say whether to reconnect", () => {
    const closing = table.filter(([, { webSocketClose }]) => webSocketClose !== 0);
    const numbers = closing.map(([, { webSocketClose }]) => webSocketClose);
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const [, { retryable, webSocketClose }] of closing) {
      expect(webSocketClose).toBeGreaterThanOrEqual(4000);
      expect(webSocketClose).toBeLessThan(5000);
      expect(webSocketClose < 4500).toBe(retryable);
    }
  });

  test("isCode knows them and nothing else", () => {
    expect(isCode("fenced")).toBe(true);
    expect(isCode("toString")).toBe(false);
  });

  test("an error carries its code and what goes with it", () => {
    const error = new PerdureError("already_decided", "bea was first", { winner: "bea", cause: "x" });
    expect(error).toMatchObject({ code: "already_decided", winner: "bea", name: "PerdureError", cause: "x" });
    expect(error.retryAfterMs).toBeUndefined();
  });
});
