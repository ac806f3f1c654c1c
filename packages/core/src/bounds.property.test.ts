import type { EventJson, RecordJson } from "@perdure/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beyondCaps } from "./testing/caps.ts";
import { choices, effort, limits, stored } from "./testing/properties.ts";
import { randomStory } from "./testing/random/session.ts";
import { Story } from "./testing/story.ts";
import {
  CODES,
  dues,
  fold,
  fromHead,
  holdOf,
  isCode,
  isUnderWay,
  newSession,
  type SessionState,
  toHead,
} from "./index.ts";
import { mayWrite } from "./permissions.ts";

/** What the state keeps beside its items, in a form that can be compared. */
const derived = (state: SessionState) => ({
  weights: [state.heldWeight, state.settledWeight, state.documentWeight],
  messages: [...state.messages.values()].map(({ id, weight, settled }) => [id, weight, settled]),
  runs: [...state.runs.values()].map(({ id, weight, settled }) => [id, weight, settled]),
  requests: [...state.requests.values()].map(({ id, weight, settled }) => [id, weight, settled]),
  controls: [...state.controls.values()].map(({ id, weight, settled }) => [id, weight, settled]),
  takeovers: [...state.takeovers.values()].map(({ id, weight, settled }) => [id, weight, settled]),
  documents: [...state.documents.values()].map(({ id, weight }) => [id, weight]),
  parts: [...state.parts.keys()].toSorted(),
  steps: [...state.steps.keys()].toSorted(),
  attempts: [...state.attempts].map(([attempt, run]) => `${attempt} ${run.id}`).toSorted(),
  held: [...state.heldMessages].map(({ id }) => id),
  refusals: state.ledger.refusals,
});

const holds = ["SUSPEND_REASON_TAKEOVER", "SUSPEND_REASON_BUDGET"];

describe("the state of any session", () => {
  test("SPEC 8.12: has no run at work while somebody has the floor or a budget is used up", () => {
    let held = 0;
    fc.assert(
      fc.property(choices, (tape) => {
        const { log } = randomStory(tape);
        const state = newSession(limits);
        for (const entry of log) {
          fold(state, entry.record, entry);
          const hold = holdOf(state);
          const runs = [...state.runs.values()].filter(isUnderWay);
          if (hold !== undefined) held += runs.length;
          const wrong = runs.filter(({ phase, suspended }) =>
            hold === undefined ? holds.includes(suspended ?? "") : phase !== "RUN_PHASE_SUSPENDED",
          );
          expect(wrong).toEqual([]);
        }
      }),
      { ...effort, numRuns: Math.ceil(effort.numRuns / 2) },
    );
    expect(held).toBeGreaterThan(100);
  });

  test("SPEC 11.1, 11.2: stays within its caps after every record", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { log } = randomStory(tape);
        const state = newSession(limits);
        for (const entry of log) {
          fold(state, entry.record, entry);
          expect(beyondCaps(state)).toEqual([]);
        }
      }),
      { ...effort, numRuns: Math.ceil(effort.numRuns / 2) },
    );
  });

  test("SPEC 11.4: what is tracked as records come equals what its head gives", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { state } = randomStory(tape);
        expect(derived(fromHead(stored(state), limits))).toEqual(derived(state));
      }),
      effort,
    );
  });

  test("SPEC 1.1: whatever was begun is in the state, in a page, or was taken away", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { state, pages, accepted } = randomStory(tape, { ...limits, tombstones: 1e6 });
        const buried = [...state.tombstones.values()].map(({ id }) => id);
        const left = pages.flatMap(({ messages = [], runs = [], requests = [], controls = [], takeovers = [] }) =>
          [...messages, ...runs, ...requests, ...controls, ...takeovers].map(({ id = "" }) => id),
        );
        const held = [state.messages, state.runs, state.requests, state.controls, state.takeovers].flatMap((items) => [
          ...items.keys(),
        ]);
        const known = new Set([...buried, ...left, ...held]);
        const begun = accepted.flatMap(({ events, producer, number }) =>
          events.flatMap((event, index) => (begins(event) ? `${producer}:${number}:${index}` : [])),
        );
        expect(begun.filter((id) => !known.has(id))).toEqual([]);
      }),
      effort,
    );
  });

  test("SPEC 8.8: whatever is due is taken at its time, and what has a time not before", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { state } = randomStory(tape);
        const head = toHead(state);
        for (const due of dues(state)) {
          const record: RecordJson = {
            producer: "keeper",
            first: 1,
            last: 1,
            born: state.seq,
            actor: { tenant: "acme", participant: "keeper-1", role: "ROLE_SYSTEM" },
            audience: due.audience,
            cause: { seq: due.causeSeq },
            events: [...due.events],
          };
          const at = (timeMs: number) => fold(fromHead(head, limits), record, { offset: 1e6, timeMs }).verdict;
          expect([due, at(Math.max(due.atMs, state.timeMs))]).toMatchObject([due, { kind: "accepted" }]);
          const early = due.atMs > state.timeMs ? at(due.atMs - 1) : { code: "not_due" };
          expect([due, early]).toMatchObject([due, { code: "not_due" }]);
        }
      }),
      effort,
    );
  });
});

const begins = (event: EventJson): boolean =>
  Object.keys(event).some((kind) =>
    kind.startsWith("control")
      ? kind !== "controlReceipt"
      : /^(message|request)Opened$|^(run|takeover)Requested$/.test(kind),
  );

const hostileText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(
    "",
    "__proto__",
    "constructor",
    "a:1:0",
    "ann:1:0",
    "x".repeat(70_000),
    "-1",
    "1e99",
    "\ud83d",
    "[[[[",
    "/",
  ),
);
const hostileNumber = fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(0, 1, 2, 0xffff_ffff, 0x7fff_ffff));
const hostileValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    hostileText,
    hostileNumber,
    fc.boolean(),
    words(),
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 3 }),
  object: fc.dictionary(fieldNames(), tie("value"), { maxKeys: 5 }),
})).value;

function fieldNames() {
  return fc.constantFrom(
    ...[
      "messageId",
      "partId",
      "runId",
      "stepId",
      "requestId",
      "takeoverId",
      "currency",
      "limitMicros",
      "content",
      "controlId",
      "instance",
      "agent",
      "attachment",
      "member",
    ],
    ...["participant", "role", "kind", "part", "text", "at", "patch", "annotation", "policy", "tags", "values", "run"],
    ...["session", "epoch", "runSeq", "fraction", "choices", "roles", "costMicros", "start", "end", "state", "action"],
  );
}

function words() {
  return fc.constantFrom(
    "ROLE_USER",
    "ROLE_SYSTEM",
    "MESSAGE_ROLE_USER",
    "PART_KIND_TEXT",
    "REQUEST_KIND_CHOICE",
    "ROLE_99",
    17,
  );
}

const hostileEvent: fc.Arbitrary<EventJson> = fc
  .dictionary(
    fc.constantFrom(...Object.keys(mayWrite), "toString", "somethingNew"),
    fc.dictionary(fieldNames(), hostileValue),
    {
      maxKeys: 2,
    },
  )
  .map((event): EventJson => event);

describe("hostile records", () => {
  test("SPEC 12.1, 12.3: are answered with a code of the table and never throw", () => {
    const record: fc.Arbitrary<RecordJson> = fc.record(
      {
        producer: fc.oneof(hostileText, fc.constant("ann")),
        first: hostileNumber,
        last: hostileNumber,
        born: hostileNumber,
        actor: fc.record({
          participant: fc.oneof(hostileText, fc.constant("ann")),
          role: fc.constantFrom("ROLE_USER", "ROLE_AGENT", "ROLE_SYSTEM", "ROLE_SERVICE", "ROLE_OBSERVER"),
          instance: fc.constantFrom("", "i1"),
        }),
        attempt: hostileNumber,
        audience: fc.constantFrom("AUDIENCE_ALL", "AUDIENCE_STAFF", "AUDIENCE_AGENTS", "AUDIENCE_UNSPECIFIED"),
        cause: fc.record({ seq: hostileNumber }),
        epoch: fc.constantFrom("0", "1", "-5", "9223372036854775807"),
        events: fc.array(hostileEvent, { maxLength: 4 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 30 }), (records) => {
        const story = new Story(limits);
        story.write(story.pen("ann", "ROLE_USER"), { sessionCreated: {} });
        for (const hostile of records) {
          const { verdict } = story.put(hostile);
          expect(verdict.kind !== "rejected" || isCode(verdict.code)).toBe(true);
          expect(beyondCaps(story.state)).toEqual([]);
        }
      }),
      { ...effort, numRuns: effort.numRuns * 10 },
    );
    expect(Object.keys(CODES).length).toBeGreaterThan(50);
  });
});
