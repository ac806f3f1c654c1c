import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delayAfter } from "./backoff.ts";
import {
  type ConnectionEvent,
  type ConnectionSettings,
  type ConnectionState,
  type Failure,
  type Step,
  step,
} from "./connection-state.ts";

const settings: ConnectionSettings = { baseDelayMs: 100, maxDelayMs: 5_000, openTimeoutMs: 10_000, stableMs: 1_000 };
const welcome = {
  t: "welcome",
  v: 1,
  node: "edge-1",
  tenant: "acme",
  participant: "ann",
  role: "ROLE_USER",
  mayCreate: true,
  expiresInMs: 9_000_000,
  beatMs: 10_000,
  maxFrameBytes: 1_000_000,
} as const;
const lost: Failure = { code: "connection_lost", message: "broke", retryable: true };
const refused: Failure = { code: "unauthenticated", message: "no", retryable: false };

const idle: ConnectionState = { phase: "idle", attempt: 0 };

function walk(events: readonly ConnectionEvent[], from = idle, nowMs = 0, chance = 0.5): Step {
  let last: Step = { state: from, effects: [] };
  for (const event of events) last = step(last.state, event, { nowMs, chance }, settings);
  return last;
}

const toOpen: readonly ConnectionEvent[] = [
  { kind: "wanted" },
  { kind: "authorized", token: "t" },
  { kind: "opened" },
  { kind: "welcomed", welcome },
];

describe("a connection", () => {
  test("is wanted, gets a token, opens a socket, says hello and is open", () => {
    expect(walk(toOpen.slice(0, 1)).effects).toContainEqual({ kind: "getToken" });
    expect(walk(toOpen.slice(0, 2)).effects).toContainEqual({ kind: "openSocket" });
    expect(walk(toOpen.slice(0, 3)).effects).toEqual([{ kind: "sendHello", token: "t" }]);
    expect(walk(toOpen).state).toMatchObject({ phase: "open", welcome, sinceMs: 0 });
  });

  test("that does not answer in time is given up and tried again", () => {
    for (const count of [2, 3]) {
      const { state, effects } = walk([...toOpen.slice(0, count), { kind: "timedOut" }]);
      expect(state).toMatchObject({ phase: "waiting", attempt: 1, failure: { code: "connection_lost" } });
      expect(effects).toContainEqual({ kind: "closeSocket", leaving: false });
    }
  });

  test("waits longer with every failure, up to a bound, anywhere below it", () => {
    const delays = Array.from({ length: 12 }, (_, attempt) => delayAfter(attempt, 0.999_999, undefined, settings));
    expect(delays.slice(0, 3)).toEqual([100, 200, 400]);
    expect(delays.at(-1)).toBe(5_000);
    expect(delayAfter(5, 0, undefined, settings)).toBe(0);
  });

  test("comes back no earlier than the server said, and not with all the others", () => {
    const { state } = walk([...toOpen, { kind: "failed", failure: { ...lost, retryAfterMs: 3_000 } }]);
    expect(state.retryAtMs).toBe(3_050);
  });

  test("that was stable starts over with the shortest delay, one that was not goes on from where it was", () => {
    const failing = walk([...toOpen.slice(0, 1), { kind: "failed", failure: lost }]).state;
    const open = walk([{ kind: "timedOut" }, ...toOpen.slice(1)], failing).state;
    expect(open).toMatchObject({ phase: "open", attempt: 1 });
    expect(walk([{ kind: "failed", failure: lost }], open, 999).state.attempt).toBe(2);
    expect(walk([{ kind: "failed", failure: lost }], open, 1_000).state.attempt).toBe(1);
  });

  test("that is refused for good stops, and begins again only when somebody asks", () => {
    const stopped = walk([...toOpen, { kind: "failed", failure: refused }]).state;
    expect(stopped).toMatchObject({ phase: "stopped", failure: refused });
    expect(walk([{ kind: "timedOut" }], stopped).state).toBe(stopped);
    expect(walk([{ kind: "wanted" }], stopped).state.phase).toBe("authorizing");
  });

  test("that is asked to move opens another at once", () => {
    const { state, effects } = walk([...toOpen, { kind: "moved" }]);
    expect(state).toEqual({ phase: "authorizing", attempt: 0 });
    expect(effects).toEqual([{ kind: "closeSocket", leaving: false }, { kind: "getToken" }]);
  });
});

/** What a connection has in each phase: no more, or it leaks; no less, or it never goes on. */
const HOLDS: Readonly<Record<ConnectionState["phase"], { readonly socket: boolean; readonly timer: boolean }>> = {
  idle: { socket: false, timer: false },
  authorizing: { socket: false, timer: false },
  opening: { socket: true, timer: true },
  greeting: { socket: true, timer: true },
  open: { socket: true, timer: false },
  waiting: { socket: false, timer: true },
  stopped: { socket: false, timer: false },
};

test("whatever happens, a connection has what its phase needs, and nothing else", () => {
  const event: fc.Arbitrary<ConnectionEvent> = fc.oneof(
    fc.constantFrom<ConnectionEvent>(...toOpen, { kind: "timedOut" }, { kind: "moved" }, { kind: "closed" }),
    fc.record({ kind: fc.constant("failed"), failure: fc.constantFrom(lost, refused, { ...lost, retryAfterMs: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (events, chance) => {
      let state = idle;
      let socket = false;
      let timer = false;
      for (const next of events) {
        const stepped = step(state, next, { nowMs: 0, chance }, settings);
        ({ state } = stepped);
        for (const effect of stepped.effects) {
          if (effect.kind === "openSocket") socket = true;
          if (effect.kind === "closeSocket") socket = false;
          if (effect.kind === "startTimer") timer = true;
          if (effect.kind === "stopTimer") timer = false;
        }
        expect({ phase: state.phase, socket, timer }).toEqual({ phase: state.phase, ...HOLDS[state.phase] });
      }
    }),
  );
});
