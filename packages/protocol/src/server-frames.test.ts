import { build } from "esbuild";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ServerFrame } from "./frames.ts";
import { encodeFrame, parseServerFrame } from "./server-frames.ts";

const by = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;

const frames: readonly ServerFrame[] = [
  {
    t: "welcome",
    v: 1,
    node: "edge-1",
    tenant: "acme",
    participant: "ann",
    role: "ROLE_USER",
    mayCreate: true,
    expiresInMs: 1,
    beatMs: 2,
    maxFrameBytes: 3,
  },
  { t: "attached", id: 1, h: 2, how: "new", seq: 0 },
  { t: "attached", id: 1, h: 2, how: "resumed", epoch: "5", seq: 9, member: "m", records: [["s", 2, 8, 2]] },
  { t: "e", h: 2, s: 9, at: 1_700_000_000_000, p: "p", n: 1, by, ev: [{ messageClosed: { messageId: "p:1:0" } }] },
  ["a", 2, 10, 4, 120, " token"],
  ["s", 2, 11, 3],
  { t: "x", h: 2, by, ev: [{ transient: { kind: "typing" } }] },
  { t: "ack", h: 2, p: "p", n: 2, s: 11 },
  { t: "ack", h: 2, p: "p", n: 3, s: 11, code: "already_decided", winner: "bob" },
  { t: "detached", h: 2, code: "session_replaced" },
  { t: "error", code: "token_expired", message: "The token has expired." },
  { t: "move", withinMs: 5_000 },
  { t: "page", id: 4, h: 2 },
  { t: "pong" },
];

describe("a frame from a server", () => {
  test.each(frames.map((frame) => [encodeFrame(frame), frame] as const))("%s is read as it was sent", (text, frame) => {
    expect(parseServerFrame(text)).toEqual(frame);
  });

  test("of a later version is skipped where its kind is unknown, and read where fields were added", () => {
    expect(parseServerFrame('{"t":"hologram","h":1}')).toBeUndefined();
    expect(parseServerFrame('["h",1,2]')).toBeUndefined();
    expect(parseServerFrame('{"t":"pong","load":3}')).toEqual({ t: "pong", load: 3 });
    expect(parseServerFrame('["s",1,2,3,"more"]')).toEqual(["s", 1, 2, 3, "more"]);
  });

  test.each([
    "",
    "{",
    "null",
    "7",
    "[]",
    "{}",
    '{"t":7}',
    '{"t":"constructor"}',
    '["a",1,2,3,4,5]',
    '["a",1,2]',
    '["constructor"]',
    '{"t":"e","h":1,"s":1,"at":1,"p":"p","n":1,"by":null,"ev":[]}',
    '{"t":"ack","h":"2","p":"p","n":2,"s":11}',
  ])("that lacks what its kind always has is none: %s", (text) => {
    expect(parseServerFrame(text)).toBeUndefined();
  });

  test("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseServerFrame(text)).not.toThrow();
      }),
      { numRuns: 1_000, seed: 1 },
    );
  });
});

describe("the browser's part", () => {
  test("carries no protobuf runtime and no generated schema", async () => {
    const { metafile } = await build({
      entryPoints: [new URL("browser.ts", import.meta.url).pathname],
      bundle: true,
      format: "esm",
      write: false,
      metafile: true,
      logLevel: "silent",
    });
    const inputs = Object.keys(metafile.inputs).map((path) => path.replace(/^.*\/src\//, ""));
    expect(inputs.toSorted()).toEqual(["browser.ts", "errors.ts", "frames.ts", "keys.ts", "server-frames.ts"]);
  });
});
