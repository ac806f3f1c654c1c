import { entrySizeBytes, LogError, logLimits } from "@perdure/log";
import { encodeRecord, parseClientFrame } from "@perdure/protocol";
import { OneSession } from "@perdure/replica/testing";
import { describe, expect, test } from "vitest";
import { type Draft, recordOf, submit } from "./sends.ts";
import { grantOf } from "./testing/grants.ts";

const grant = grantOf("ann", "ROLE_USER");
const quiet = { error: () => undefined };
const draft: Draft = { producer: "p", number: 3, born: 0, events: [{ sessionUpdated: { title: "x" } }] };

async function refusedBy(error: Error) {
  const held = await new OneSession().attach("acme/s", { onAccepted: () => undefined, onLost: () => undefined });
  const stored = Promise.reject(error);
  const applied = Promise.reject(error);
  for (const outcome of [stored, applied]) outcome.catch(() => undefined);
  return submit({ ...held, publish: () => ({ stored, applied }) }, draft, grant, quiet);
}

/** The longest frame that an edge may be told to take. */
const FRAME_BYTES = 2 * 1024 * 1024;

/** A frame of that length, whose one event is mostly a list of `item`. */
function longestFrame(begin: string, item: string, end: string): string {
  const [head, tail] = [`{"t":"send","h":1,"p":"p","n":1,"born":0,"ev":[${begin}[`, `]${end}]}`];
  const count = Math.floor((FRAME_BYTES - head.length - tail.length + 1) / (item.length + 1));
  return `${head}${Array.from({ length: count }, () => item).join()}${tail}`;
}

describe("SPEC 11: whatever an edge takes in one frame, the log takes in one entry", () => {
  const text = `{"sessionUpdated":{"metadata":"${"é".repeat(FRAME_BYTES / 2 - 100)}"}}`;

  test.each([
    ["text", `{"t":"send","h":1,"p":"p","n":1,"born":0,"ev":[${text}]}`],
    // A negative number takes two characters of JSON and ten bytes of protobuf: nothing grows more.
    ["numbers", longestFrame('{"requestOpened":{"roles":', "-1", "}}")],
    ["empty texts", longestFrame('{"messageOpened":{"to":', '""', "}}")],
    ["empty choices", longestFrame('{"requestOpened":{"choices":', "{}", "}}")],
  ])("also one of %s", (_what, source) => {
    const parsed = parseClientFrame(source);
    if (!("frame" in parsed) || parsed.frame.t !== "send") throw new Error(JSON.stringify(parsed).slice(0, 200));
    const { p, n, born, ev } = parsed.frame;
    const value = encodeRecord(recordOf({ producer: p, number: n, born, events: ev }, grant));
    const key = new Uint8Array(200);
    expect(Buffer.byteLength(source)).toBeLessThanOrEqual(FRAME_BYTES);
    expect(Buffer.byteLength(source)).toBeGreaterThan(FRAME_BYTES - 200);
    expect(entrySizeBytes({ key, value })).toBeLessThan(logLimits().entryBytes);
  });
});

describe("SPEC 12: a record that the log does not take", () => {
  test("leaves its number to another one, where no later try would help", async () => {
    expect(await refusedBy(new LogError("too_large", "long"))).toMatchObject({ code: "too_large", expected: 3 });
  });

  test.each(["unavailable", "closed"] as const)("is sent again under its number, where the log is %s", async (code) => {
    const outcome = await refusedBy(new LogError(code, "away", { retryAfterMs: 500 }));
    expect(outcome).toMatchObject({ code: "unavailable", retryAfterMs: 500 });
    expect(outcome).not.toHaveProperty("expected");
  });
});
