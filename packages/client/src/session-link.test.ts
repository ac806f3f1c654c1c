import { newSession, toHead } from "@perdure/core";
import type { AttachedFrame, ClientFrame } from "@perdure/protocol/frames";
import { beforeEach, describe, expect, test } from "vitest";
import { Mirror } from "./mirror.ts";
import { type LinkState, SessionLink } from "./session-link.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let clock: ManualClock;
let mirror: Mirror;
let sent: ClientFrame[];
let states: LinkState["phase"][];
let reports: string[];
let moves: number[];
let handles: Set<number>;
let link: SessionLink;
let updates: number;

beforeEach(() => {
  clock = new ManualClock();
  mirror = new Mirror();
  sent = [];
  states = [];
  reports = [];
  moves = [];
  handles = new Set();
  updates = 0;
  let requestId = 0;
  link = new SessionLink({
    session: "trip",
    mirror,
    clock,
    random: () => 0.5,
    backoff: { baseDelayMs: 100, maxDelayMs: 1_000 },
    send: (frame) => (sent.push(frame) > 0 ? "sent" : "away"),
    nextRequestId: () => (requestId += 1),
    onHandle: (handle, added) => void (added ? handles.add(handle) : handles.delete(handle)),
    onState: ({ phase }) => states.push(phase),
    onAttached: () => undefined,
    onUpdated: () => (updates += 1),
    onElsewhere: () => moves.push(clock.now()),
    onReport: (code) => reports.push(code),
  });
});

const headAt = (seq: number) => {
  const state = newSession();
  Object.assign(state, { epoch: 5, seq });
  return toHead(state);
};

const attached = (more: Partial<AttachedFrame>): AttachedFrame => ({
  t: "attached",
  id: 1,
  h: 7,
  how: "snapshot",
  epoch: "5",
  seq: 10,
  member: "m1",
  head: headAt(10),
  ...more,
});

function live(): void {
  link.connected();
  link.onAttached(attached({}));
}

describe("following a session", () => {
  test("begins without a cursor, and goes on with the one it has, as the member it was", () => {
    live();
    expect(sent).toEqual([{ t: "attach", id: 1, session: "trip" }]);
    link.onAccepted(["s", 7, 11, 2]);
    link.disconnected();
    link.connected();
    expect(sent[1]).toEqual({ t: "attach", id: 2, session: "trip", cursor: { epoch: "5", seq: 12 }, member: "m1" });
    expect(reports).toEqual([]);
  });

  test("a record that is here already changes nothing", () => {
    live();
    expect(link.onAccepted(["s", 7, 10, 1])).toBe(false);
    expect(mirror.state.seq).toBe(10);
    expect(states).toEqual(["attaching", "live"]);
  });

  test("a gap is reported and mended: nothing is taken until the answer", () => {
    live();
    expect(link.onAccepted(["s", 7, 13, 1])).toBe(false);
    expect(reports).toEqual(["internal"]);
    expect(sent[1]).toMatchObject({ t: "attach", id: 2, cursor: { seq: 10 } });
    expect(link.onAccepted(["s", 7, 11, 1])).toBe(false);
    link.onAttached(attached({ id: 2, how: "resumed", seq: 13, records: [["s", 7, 11, 3]] }));
    expect(mirror.state.seq).toBe(13);
    expect(link.onAccepted(["s", 7, 14, 1])).toBe(true);
  });

  test("an answer that does not fit is asked for again, whole", () => {
    live();
    link.disconnected();
    link.connected();
    link.onAttached(attached({ id: 2, how: "resumed", seq: 15, records: [["s", 7, 14, 2]] }));
    expect(sent[2]).toEqual({ t: "attach", id: 3, session: "trip", member: "m1" });
    link.onAttached(attached({ id: 3, seq: 15, head: headAt(15) }));
    expect(mirror.state.seq).toBe(15);
  });

  test("a cursor that was of no use is reported", () => {
    live();
    link.disconnected();
    link.connected();
    link.onAttached(
      attached({ id: 2, code: "session_replaced", epoch: "9", head: { ...headAt(3), epoch: "9" }, seq: 3 }),
    );
    expect(reports).toEqual(["session_replaced"]);
    expect(mirror.cursor).toEqual({ epoch: "9", seq: 3 });
  });

  test("is tried again when the server says so, and not where it refuses for good", () => {
    link.connected();
    link.onError({ t: "error", id: 1, code: "catching_up", message: "soon", retryAfterMs: 500 });
    expect(link.state).toMatchObject({ phase: "waiting", retryAtMs: clock.now() + 550 });
    clock.advance(550);
    expect(sent).toHaveLength(2);
    link.onError({ t: "error", id: 2, code: "forbidden_session", message: "no" });
    expect(link.state).toMatchObject({ phase: "refused", failure: { code: "forbidden_session" } });
    link.disconnected();
    link.connected();
    expect(sent).toHaveLength(2);
    link.connected(true);
    expect(sent).toHaveLength(3);
  });

  test("ended by the server goes on with a new life of the name, and not after a removal", () => {
    live();
    link.onDetached({ t: "detached", h: 7, code: "session_replaced" });
    expect(handles.size).toBe(0);
    clock.advance(1_000);
    expect(sent).toHaveLength(2);
    link.onAttached(attached({ id: 2 }));
    link.onDetached({ t: "detached", h: 7, code: "removed_from_session" });
    expect(link.state.phase).toBe("refused");
  });

  test("that lags goes on with what it lacks, and can be written to meanwhile", () => {
    live();
    link.onLagging();
    expect(link.state.phase).toBe("lagging");
    expect(link.transmit("p", { number: 1, born: 10, events: [] })).toBe("sent");
    link.onUpdate({ t: "update", h: 7, how: "resumed", epoch: "5", seq: 12, records: [["s", 7, 11, 2]] });
    link.onCaughtUp();
    expect(link.onAccepted(["s", 7, 13, 1])).toBe(true);
    expect({ states, updates, reports }).toEqual({
      states: ["attaching", "live", "lagging", "live"],
      updates: 1,
      reports: [],
    });
  });

  test("is not sent a record of so many events that the edge would end the connection", () => {
    live();
    const before = sent.length;
    const events = Array.from({ length: 65 }, () => ({}));
    expect(link.transmit("p", { number: 1, born: 10, events })).toMatchObject({ code: "invalid_record" });
    expect(sent).toHaveLength(before);
    expect(link.transmit("p", { number: 2, born: 10, events: events.slice(1) })).toBe("sent");
  });

  test("an update that does not fit is asked for again, whole", () => {
    live();
    link.onLagging();
    link.onUpdate({ t: "update", h: 7, how: "resumed", epoch: "5", seq: 12, records: [["s", 7, 12, 1]] });
    expect(sent[1]).toEqual({ t: "attach", id: 2, session: "trip", member: "m1" });
    link.onUpdate({ t: "update", h: 7, how: "patched", epoch: "5", seq: 12, head: headAt(12) });
    link.onCaughtUp();
    expect({ phase: link.state.phase, updates, seq: mirror.state.seq }).toEqual({
      phase: "attaching",
      updates: 0,
      seq: 10,
    });
  });

  test("hears nothing of an answer to an attach that is over", () => {
    link.connected();
    link.disconnected();
    link.connected();
    link.onAttached(attached({ id: 1 }));
    expect(link.state.phase).toBe("attaching");
  });
});

describe("a node that does not answer an attach", () => {
  /** Half of a minute, and half of the spread behind it. */
  const ANSWER_MS = 45_000;
  const pings = () => sent.filter(({ t }) => t === "ping").length;

  test("is left for another one, once it has shown that no slow line is in between", () => {
    link.connected();
    clock.advance(ANSWER_MS - 1);
    link.onPong();
    expect({ pings: pings(), moves }).toEqual({ pings: 0, moves: [] });
    clock.advance(1);
    expect({ pings: pings(), moves }).toEqual({ pings: 1, moves: [] });
    link.onPong();
    link.onPong();
    expect({ moves: moves.length, reports }).toEqual({ moves: 1, reports: ["unavailable"] });
  });

  test("is stayed with where the answer was on its way", () => {
    link.connected();
    clock.advance(ANSWER_MS);
    link.onAttached(attached({}));
    link.onPong();
    clock.advance(ANSWER_MS);
    expect({ pings: pings(), moves, reports }).toEqual({ pings: 1, moves: [], reports: [] });
  });

  test("is stayed with where it answers others, since answers go out one by one to a client that is slow", () => {
    link.connected();
    for (let other = 0; other < 5; other += 1) {
      clock.advance(ANSWER_MS - 1);
      link.onOthersAnswered();
    }
    expect(pings()).toBe(0);
    clock.advance(ANSWER_MS);
    link.onOthersAnswered();
    link.onPong();
    expect({ pings: pings(), moves }).toEqual({ pings: 1, moves: [] });
    clock.advance(ANSWER_MS);
    link.onPong();
    expect({ pings: pings(), moves: moves.length }).toEqual({ pings: 2, moves: 1 });
  });

  test("is not waited for again where it answers others when nothing was asked", () => {
    live();
    link.onOthersAnswered();
    link.onDetached({ t: "detached", h: 7, code: "forbidden_session" });
    link.onOthersAnswered();
    link.disconnected();
    link.onOthersAnswered();
    expect(clock.timerCount).toBe(0);
  });

  test("is given more time for each further attach that has no answer, on another connection too", () => {
    const waitsMs: number[] = [];
    for (let attaches = 0; attaches < 6; attaches += 1) {
      link.connected();
      const sinceMs = clock.now();
      for (const before = pings(); pings() === before;) clock.advance(1_000);
      waitsMs.push(clock.now() - sinceMs);
      link.disconnected();
    }
    expect(waitsMs).toEqual([45_000, 60_000, 90_000, 150_000, 150_000, 150_000]);
    link.connected();
    link.onError({ t: "error", id: 7, code: "catching_up", message: "", retryAfterMs: 10 });
    link.disconnected();
    link.connected();
    clock.advance(ANSWER_MS);
    expect(pings()).toBe(7);
  });
});

describe("a node that does not know the session's rules (SPEC 14)", () => {
  const tooNew = { t: "detached", h: 7, code: "rules_too_new", retryAfterMs: 500 } as const;

  test("is left for another one, not before the time it names, and less and less often", () => {
    live();
    link.onDetached(tooNew);
    expect(link.state).toMatchObject({ phase: "waiting", failure: { code: "rules_too_new", retryable: true } });
    clock.advance(499);
    expect(moves).toEqual([]);
    clock.advance(1_000);
    expect(moves).toHaveLength(1);
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      link.disconnected();
      link.connected();
      const last = sent.filter((frame) => frame.t === "attach").at(-1);
      const startedMs = clock.now();
      link.onError({ t: "error", id: last?.id ?? 0, code: "rules_too_new", message: "", retryAfterMs: 500 });
      clock.advance(10_000);
      waits.push((moves.at(-1) ?? 0) - startedMs);
    }
    expect(moves).toHaveLength(5);
    expect(waits.at(-1)).toBeGreaterThan(waits[0] ?? 0);
  });

  test("is not asked again on the same connection", () => {
    live();
    sent.length = 0;
    link.onDetached(tooNew);
    clock.advance(60_000);
    expect(sent).toEqual([]);
  });
});
