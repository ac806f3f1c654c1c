import { LogError } from "@perdure/log";
import { expect, test } from "vitest";
import { refusalOf } from "./refusal.ts";

test("SPEC 12.1: a log that is closed is the node's end, which passes, and not the caller's", () => {
  expect(refusalOf(new LogError("closed", "closed"))).toMatchObject({ code: "unavailable", retryAfterMs: 500 });
});

test("SPEC 12.1: what is too large for the log does not pass", () => {
  expect(refusalOf(new LogError("too_large", "long"))).toMatchObject({ code: "too_large", retryAfterMs: undefined });
});
