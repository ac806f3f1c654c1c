import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import {
  type Accepted,
  applyAccepted,
  canonical,
  fold,
  fromHead,
  type Level,
  LIMITS,
  mergePatch,
  newSession,
  patchSince,
  project,
  projectAccepted,
  type SessionState,
  toHead,
} from "@perdure/core";
import { HeadSchema, type HeadJson } from "@perdure/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomStory, smallLimits } from "../test/random-session.ts";
import type { Entry } from "../test/story.ts";

const limits = { ...LIMITS, ...smallLimits };
const levels: readonly Level[] = ["all", "staff", "agents"];
const choices = fc.array(fc.nat({ max: 100_000 }), { minLength: 50, maxLength: 4000, size: "max" });
const run = {
  seed: Number(process.env["SEED"] ?? 20_261),
  numRuns: Number(process.env["RUNS"] ?? 80),
  endOnFailure: process.env["SHRINK"] === undefined,
} as const;

/** A head as another process reads it: through protobuf. */
const stored = (state: SessionState): HeadJson =>
  toJson(HeadSchema, fromBinary(HeadSchema, toBinary(HeadSchema, fromJson(HeadSchema, toHead(state)))));

function foldAll(state: SessionState, log: readonly Entry[]): readonly Accepted[] {
  return log.flatMap((entry) => fold(state, entry.record, entry).accepted ?? []);
}

describe("the fold", () => {
  test("SPEC 3.1: a head in the middle and the rest of the log give the same bytes as the whole log", () => {
    fc.assert(
      fc.property(choices, fc.nat(), (tape, at) => {
        const story = randomStory(tape);
        const cut = at % (story.log.length + 1);
        const before = newSession(limits);
        foldAll(before, story.log.slice(0, cut));
        const after = fromHead(stored(before), limits);
        expect(canonical(toHead(after))).toBe(canonical(toHead(before)));
        foldAll(after, story.log.slice(cut));
        expect(canonical(toHead(after))).toBe(canonical(toHead(story.state)));
        expect([after.heldWeight, after.settledWeight]).toEqual([story.state.heldWeight, story.state.settledWeight]);
      }),
      run,
    );
  });

  test("SPEC 3.2: what toHead leaves out is what protobuf leaves out", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { state } = randomStory(tape);
        expect(canonical(stored(state))).toBe(canonical(toHead(state)));
      }),
      run,
    );
  });

  test("SPEC 4.1: records that the log holds twice, or many times, change nothing that anybody sees", () => {
    fc.assert(
      fc.property(choices, fc.array(fc.nat(), { minLength: 1, maxLength: 40 }), (tape, again) => {
        const { log, accepted } = randomStory(tape);
        const judged = judgedOf(log);
        const withRetries = [...log];
        // A retry stands after its original: at once, or later, as long as writers keep what they sent.
        for (const choice of again) {
          const index = choice % log.length;
          const entry = log[index];
          if (entry === undefined || !judged.has(entry)) continue;
          const place = withRetries.indexOf(entry) + 1 + ((choice >> 8) % 3);
          withRetries.splice(place, 0, { ...entry });
        }
        const state = newSession(limits);
        const seen = withRetries.flatMap(
          ({ record, timeMs, offset }) => fold(state, record, { offset, timeMs }).accepted ?? [],
        );
        expect(withoutTime(seen)).toEqual(withoutTime(accepted));
      }),
      run,
    );
  });

  test("SPEC 2.1: accepted events are numbered without gap or repeat", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { accepted, state } = randomStory(tape);
        let seq = 0;
        for (const record of accepted) {
          if (record.seq === 0) continue;
          expect(record.seq).toBe(seq + 1);
          seq += record.count;
        }
        expect(state.seq).toBe(seq);
      }),
      run,
    );
  });
});

/** Entries that got a verdict which the ledger keeps; what is sent too early is not judged, and may be later. */
function judgedOf(log: readonly Entry[]): ReadonlySet<Entry> {
  const state = newSession(limits);
  const unjudged = new Set([
    "producer_gap",
    "producer_conflict",
    "producer_expired",
    "session_replaced",
    "invalid_record",
  ]);
  const isJudged = (entry: Entry): boolean => {
    const { verdict } = fold(state, entry.record, entry);
    return (
      verdict.kind === "accepted" ||
      (verdict.kind === "rejected" && entry.record.first !== 0 && !unjudged.has(verdict.code))
    );
  };
  return new Set(log.filter(isJudged));
}

// A retry between two records may carry a later time than the second one.
const withoutTime = (accepted: readonly Accepted[]) => accepted.map(({ timeMs: _timeMs, ...rest }) => rest);

/** What a reader shows: without what only says where the past begins. */
function shown(state: SessionState, level: Level): HeadJson {
  const { shedSeq: _shedSeq, nextPage: _nextPage, ...head } = project(state, level);
  return head;
}

/** The reader's state, less what the server has shed since. */
function withoutShed(head: HeadJson, server: SessionState): HeadJson {
  const known = <T extends { id?: string }>(items: readonly T[] = [], map: ReadonlyMap<string, unknown>) => {
    const kept = items.filter(({ id = "" }) => map.has(id));
    return kept.length === 0 ? undefined : kept;
  };
  const { messages, runs, requests, controls, ...rest } = head;
  return {
    ...rest,
    ...clean({
      messages: known(messages, server.messages),
      runs: known(runs, server.runs),
      requests: known(requests, server.requests),
      controls: known(controls, server.controls),
    }),
  };
}

const clean = (fields: HeadJson | Record<string, unknown>): HeadJson =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

describe("readers", () => {
  test("SPEC 10.1: a snapshot and the accepted records after it show what the server shows", () => {
    fc.assert(
      fc.property(choices, fc.nat(), fc.constantFrom(...levels), (tape, at, level) => {
        const { log, state } = randomStory(tape);
        const cut = at % (log.length + 1);
        const server = newSession(limits);
        foldAll(server, log.slice(0, cut));
        const reader = fromHead(project(server, level), limits);
        for (const accepted of foldAll(server, log.slice(cut))) applyAccepted(reader, projectAccepted(accepted, level));
        expect(canonical(withoutShed(shown(reader, level), state))).toBe(canonical(shown(state, level)));
      }),
      run,
    );
  });

  test("SPEC 10.2: a patch brings a reader to what the server shows", () => {
    fc.assert(
      fc.property(choices, fc.nat(), fc.constantFrom(...levels), (tape, at, level) => {
        const { log, state } = randomStory(tape);
        const server = newSession(limits);
        foldAll(server, log.slice(0, at % (log.length + 1)));
        const reader = fromHead(project(server, level), limits);
        const patch = patchSince(state, server.seq, level);
        if (server.epoch === undefined || patch === undefined) return;
        mergePatch(reader, patch);
        expect(canonical(withoutShed(shown(reader, level), state))).toBe(canonical(shown(state, level)));
      }),
      run,
    );
  });
});
