import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseClientFrame } from "./client-frames.ts";
import type { ClientFrame } from "./frames.ts";
import { encodeFrame } from "./server-frames.ts";

const send = {
  t: "send",
  h: 3,
  p: "page-1",
  n: 4,
  born: 12,
  epoch: "77",
  au: "AUDIENCE_ALL",
  ev: [
    { messageOpened: { role: "MESSAGE_ROLE_USER" } },
    { partOpened: { messageId: "page-1:4:0", part: { kind: "PART_KIND_TEXT", text: "Hi" }, complete: true } },
  ],
} satisfies ClientFrame;

const frames: readonly ClientFrame[] = [
  { t: "hello", v: 1, token: "abc", client: "perdure-js 0.1", device: "Firefox on Linux" },
  { t: "hello", v: 1, token: "abc" },
  { t: "auth", token: "abc" },
  { t: "attach", id: 1, session: "trip-42" },
  {
    t: "attach",
    id: 2,
    session: "~pool.writer",
    cursor: { epoch: "9007199254740991", seq: 4_294_967_295 },
    member: "m-1",
  },
  { t: "detach", h: 0 },
  send,
  { t: "send", h: 3, p: "page-1", n: 0, born: 0, ev: [{ transient: { kind: "typing" } }] },
  { t: "history", id: 4, h: 3 },
  { t: "history", id: 4, h: 3, before: 0 },
  { t: "ping" },
];

const parseValue = (value: unknown) => parseClientFrame(JSON.stringify(value));

describe("a frame from a client", () => {
  test.each(frames.map((frame) => [frame.t, frame] as const))("%s is taken as it was sent", (_, frame) => {
    expect(parseClientFrame(encodeFrame(frame))).toEqual({ frame });
  });

  test.each([
    ["empty", ""],
    ["cut off", '{"t":"ping"'],
    ["binary", "\u0000\u0001\ufffd"],
    ["a list", "[]"],
    ["null", "null"],
    ["a number", "7"],
    ["deep", "[".repeat(100_000)],
  ])("that is %s is malformed_frame", (_, source) => {
    expect(parseClientFrame(source)).toEqual({ code: "malformed_frame", message: "a frame is a JSON object" });
  });

  test.each([{ t: "subscribe" }, { t: "constructor" }, { t: "__proto__" }, { t: 7 }, { t: null }, {}])(
    "of no known kind is unknown_frame: %j",
    (value) => {
      expect(parseValue(value)).toMatchObject({ code: "unknown_frame" });
    },
  );

  test("of no known kind names what it was, shortened", () => {
    expect(parseValue({ t: "x".repeat(1_000_000) })).toEqual({
      code: "unknown_frame",
      message: `no frame is called "${"x".repeat(40)}"`,
    });
  });

  test.each<[string, object, string]>([
    ["an unknown field", { ...send, actor: { participant: "boss" } }, 'send: has an unknown field "actor"'],
    ["a missing field", { t: "attach", id: 1 }, "attach: field session is missing"],
    ["null for a field", { t: "attach", id: 1, session: null }, "attach: field session must match"],
    ["text for a number", { t: "detach", h: "3" }, "detach: field h must be a whole number"],
    ["a fraction", { t: "detach", h: 0.5 }, "detach: field h must be a whole number"],
    ["a negative number", { t: "detach", h: -1 }, "detach: field h must be a whole number"],
    ["a number past uint32", { t: "detach", h: 2 ** 32 }, "detach: field h must be a whole number"],
    ["a session of another tenant", { t: "attach", id: 1, session: "other/trip" }, "attach: field session must match"],
    ["a session name with a newline", { t: "attach", id: 1, session: "trip\n" }, "attach: field session must match"],
    ["a session name that is too long", { t: "attach", id: 1, session: "x".repeat(129) }, "attach: field session"],
    ["a token that is too long", { t: "auth", token: "x".repeat(16_385) }, "auth: field token must be text"],
    ["a cursor with more", { t: "attach", id: 1, session: "s", cursor: { epoch: "1", seq: 1, x: 1 } }, "unknown field"],
    [
      "an epoch past 2^53",
      { t: "attach", id: 1, session: "s", cursor: { epoch: "9007199254740992", seq: 1 } },
      "epoch",
    ],
    ["a negative epoch", { ...send, epoch: "-1" }, "send: field epoch must be an offset"],
    ["an unknown audience", { ...send, au: "AUDIENCE_NOBODY" }, "send: field au must be one of"],
    ["no events", { ...send, ev: [] }, "send: field ev must be a list of 1 to 64 events"],
    ["65 events", { ...send, ev: Array.from({ length: 65 }, () => ({})) }, "send: field ev must be a list"],
    ["an unfit producer", { ...send, p: "a/b" }, "send: field p must match"],
  ])("with %s is malformed_frame and says so", (_, value, message) => {
    const parsed = parseValue(value);
    expect(parsed).toMatchObject({ code: "malformed_frame" });
    expect(parsed).toHaveProperty("message", expect.stringContaining(message));
  });

  test("that is refused keeps its id and handle, so that the answer can name them", () => {
    expect(parseValue({ t: "history", id: 9, h: 3, before: "x" })).toMatchObject({ id: 9, h: 3 });
    expect(parseValue({ t: "history", id: "9", h: 3 })).not.toHaveProperty("id");
  });
});

describe("events in a send", () => {
  test.each<[string, unknown, string]>([
    ["an unknown kind", { messageShouted: {} }, "ev[1]: "],
    ["no kind", {}, "ev[1]: has no kind"],
    ["two kinds", { messageClosed: {}, messageRemoved: {} }, "ev[1]: "],
    ["an unknown field", { messageOpened: { colour: "red" } }, "ev[1]: "],
    ["a wrong type", { partAppended: { at: "x" } }, "perdure.v1.PartAppended.at"],
    ["an unknown enum value", { messageOpened: { role: "MESSAGE_ROLE_GOD" } }, "ev[1]: "],
    ["half a surrogate pair", { partAppended: { text: "\ud83d" } }, "ev[1]: "],
    ["null", null, "ev[1]: "],
    ["text", "messageOpened", "ev[1]: "],
  ])("with %s are invalid_event, with the place", (_, event, message) => {
    const parsed = parseValue({ ...send, ev: [send.ev[0], event] });
    expect(parsed).toMatchObject({ code: "invalid_event", h: 3 });
    expect(parsed).toHaveProperty("message", expect.stringContaining(message));
  });

  test("come back in canonical form, however they were written", () => {
    const ev = [{ message_opened: { role: 1, parent_id: "", metadata: null } }, { partAppended: { at: "7" } }];
    expect(parseValue({ ...send, ev })).toHaveProperty("frame.ev", [
      { messageOpened: { role: "MESSAGE_ROLE_USER" } },
      { partAppended: { at: 7 } },
    ]);
  });
});

describe("whatever comes", () => {
  const hostileKeys = fc.constantFrom("t", "h", "id", "p", "n", "born", "ev", "cursor", "__proto__", "constructor");
  const hostile = fc.dictionary(hostileKeys, fc.oneof(fc.jsonValue(), fc.constantFrom("send", "attach", "hello")));

  test("it is answered with a frame or a code, never thrown", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          hostile.map((value) => JSON.stringify(value)),
        ),
        (source) => {
          const parsed = parseClientFrame(source);
          expect("frame" in parsed || parsed.message.length <= 400).toBe(true);
        },
      ),
      { numRuns: 3_000, seed: 1 },
    );
  });

  test("a good frame with one value changed is a frame or is refused", () => {
    const changed = fc.tuple(fc.constantFrom(...frames), fc.nat(), fc.jsonValue()).map(([frame, index, value]) => {
      const entries = Object.entries(frame);
      return Object.fromEntries(entries.map(([key, old], at) => [key, at === index % entries.length ? value : old]));
    });
    fc.assert(
      fc.property(changed, (value) => {
        const parsed = parseValue(value);
        expect("frame" in parsed ? "frame" : parsed.code).toMatch(
          /^(frame|malformed_frame|unknown_frame|invalid_event)$/,
        );
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });
});
