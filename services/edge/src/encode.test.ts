import { type Accepted, fold, newSession, type SessionState } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { wireRecord } from "./encode.ts";

const HANDLE = 3;
let state: SessionState;
let offset: number;

beforeEach(() => {
  state = newSession();
  offset = 0;
  write([{ sessionCreated: {} }, { messageOpened: { role: "MESSAGE_ROLE_USER" } }]);
});

function write(events: EventJson[], more: object = {}): Accepted {
  offset += 1;
  const actor = { tenant: "acme", participant: "olga", role: "ROLE_SERVICE" } as const;
  const record = { producer: "p", first: offset, last: offset, born: 0, actor, events, ...more };
  const { accepted } = fold(state, record, { offset, timeMs: 1_000 + offset });
  if (accepted === undefined) throw new Error("the record was refused");
  return accepted;
}

const openPart = (spec: object = {}): Accepted =>
  write([{ partOpened: { messageId: "p:1:1", part: { kind: "PART_KIND_TEXT", ...spec } } }]);

describe("an accepted record", () => {
  test("travels as it is, with the epoch where it begins a life", () => {
    const accepted = write([{ sessionUpdated: { title: "Madrid" } }]);
    expect(wireRecord(HANDLE, accepted, "all", state)).toEqual({
      t: "e",
      h: HANDLE,
      s: 3,
      at: 1_002,
      p: "p",
      n: 2,
      by: { tenant: "acme", participant: "olga", role: "ROLE_SERVICE" },
      ev: [{ sessionUpdated: { title: "Madrid" } }],
    });
    const fresh = newSession();
    const actor = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;
    const created = fold(
      fresh,
      { producer: "q", first: 1, last: 1, actor, events: [{ sessionCreated: {} }] },
      { offset: 41, timeMs: 5 },
    );
    expect(created.accepted && wireRecord(HANDLE, created.accepted, "all", fresh)).toMatchObject({ epoch: "41" });
  });

  test("that only appends text is a tuple, and adds no more than 64 bytes to the text", () => {
    openPart();
    const text = "token ";
    const frame = wireRecord(HANDLE, write([{ partAppended: { partId: "p:2:0", text } }]), "all", state);
    expect(frame).toEqual(["a", HANDLE, 4, 3, 0, text]);
    const atWorst = JSON.stringify(["a", 99_999, 9_999_999, 9_999_999, 999_999, text]);
    expect(Buffer.byteLength(atWorst) - Buffer.byteLength(text)).toBeLessThanOrEqual(64);
  });

  test("that appends to a part which is gone names it whole", () => {
    openPart();
    const accepted = write([{ partAppended: { partId: "p:2:0", text: "x" } }]);
    write([{ messageRemoved: { messageId: "p:1:1" } }]);
    expect(wireRecord(HANDLE, accepted, "all", state)).toMatchObject({ t: "e", ev: [{ partAppended: {} }] });
  });

  test("above a reader's level is its seq and count, and nothing of who or what", () => {
    const note = [{ messageOpened: { role: "MESSAGE_ROLE_OPERATOR" } }] as const;
    const accepted = write([...note], { audience: "AUDIENCE_STAFF" });
    expect(wireRecord(HANDLE, accepted, "all", state)).toEqual(["s", HANDLE, 3, 1]);
    expect(wireRecord(HANDLE, accepted, "staff", state)).toMatchObject({ t: "e", au: "AUDIENCE_STAFF" });
  });

  test("shows what is sealed to agents only", () => {
    const accepted = openPart({ sealed: "signature" });
    expect(JSON.stringify(wireRecord(HANDLE, accepted, "staff", state))).not.toContain("signature");
    expect(JSON.stringify(wireRecord(HANDLE, accepted, "agents", state))).toContain("signature");
  });

  test("in passing is told to those who may see it, and to others not at all", () => {
    const typing = [{ transient: { kind: "typing" } }];
    const passed = write([...typing], { first: 0, last: 0, audience: "AUDIENCE_STAFF" });
    expect(wireRecord(HANDLE, passed, "staff", state)).toMatchObject({ t: "x", ev: typing });
    expect(wireRecord(HANDLE, passed, "all", state)).toBeUndefined();
  });
});
