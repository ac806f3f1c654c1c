import { describe, expect, test } from "vitest";
import {
  isSystemSessionId,
  pageKey,
  PARTICIPANT_PATTERN,
  parsePageKey,
  parseSessionKey,
  poolSessionId,
  sessionKey,
  WATERMARK_KEY,
} from "./keys.ts";

describe("session keys", () => {
  test.each([
    ["acme", "trip-42", "acme/trip-42"],
    ["acme", "~pool.writer", "acme/~pool.writer"],
    ["x".repeat(64), "y".repeat(128), `${"x".repeat(64)}/${"y".repeat(128)}`],
  ])("%s and %s make the key, which tells them again", (tenant, id, key) => {
    expect(sessionKey(tenant, id)).toBe(key);
    expect(parseSessionKey(key)).toEqual({ tenant, id });
  });

  test.each([
    ["", "s"],
    ["acme", ""],
    ["ac/me", "s"],
    ["acme", "a/b"],
    ["~acme", "s"],
    ["acme", "a~b"],
    ["acme", "~"],
    ["acme", "s\n"],
    ["acme", "é"],
    ["x".repeat(65), "s"],
    ["acme", "y".repeat(129)],
    ["acme", `~${"y".repeat(128)}`],
  ])("%j and %j are refused", (tenant, id) => {
    expect(() => sessionKey(tenant, id)).toThrow(expect.objectContaining({ code: "invalid_name" }));
    expect(parseSessionKey(`${tenant}/${id}`)).toBeUndefined();
  });

  test("a refusal shows a long name shortened", () => {
    expect(() => sessionKey("acme", "/".repeat(1_000_000))).toThrow(/^.{1,200}$/);
  });

  test("the system's sessions begin with ~, and a pool is one", () => {
    expect(isSystemSessionId("~pool.writer")).toBe(true);
    expect(isSystemSessionId("pool.writer")).toBe(false);
    expect(poolSessionId("writer")).toBe("~pool.writer");
    expect(() => poolSessionId("wri/ter")).toThrow(expect.objectContaining({ code: "invalid_name" }));
  });
});

describe("other keys", () => {
  test("a page's key names session, life and number", () => {
    const page = { sessionKey: "acme/trip-42", epoch: 9_007_199_254_740_991, number: 12 };
    expect(pageKey(page)).toBe("acme/trip-42\u00009007199254740991\u000012");
    expect(parsePageKey(pageKey(page))).toEqual(page);
  });

  test.each(["acme/s", "acme\u00001\u00002", "acme/s\u00001", "acme/s\0-1\u00002", "acme/s\u00001\u00002\u00003", ""])(
    "%j is no page key",
    (key) => {
      expect(parsePageKey(key)).toBeUndefined();
    },
  );

  test("no session's key is the watermark's", () => {
    expect(parseSessionKey(WATERMARK_KEY)).toBeUndefined();
  });

  test.each(["ann", "user@example.org", "auth0|1234", "x".repeat(128)])("%s may be a participant", (name) => {
    expect(name).toMatch(PARTICIPANT_PATTERN);
  });

  test.each(["", "a/b", "a\nb", "a\0b", "x".repeat(129)])("%j may not", (name) => {
    expect(name).not.toMatch(PARTICIPANT_PATTERN);
  });
});
