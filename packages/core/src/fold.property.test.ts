import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { choices, effort, foldAll, limits, stateAt, stored } from "./testing/properties.ts";
import { randomStory } from "./testing/random/session.ts";
import type { Entry } from "./testing/story.ts";
import { type Accepted, canonical, fold, fromHead, newSession, toHead, type Verdict } from "./index.ts";

describe("the fold of any session", () => {
  test("SPEC 3.1: a head in the middle and the rest of the log give the same bytes as the whole log", () => {
    fc.assert(
      fc.property(choices, fc.nat(), (tape, at) => {
        const { log, state } = randomStory(tape);
        const cut = at % (log.length + 1);
        const before = stateAt(log, cut);
        const after = fromHead(stored(before), limits);
        expect(canonical(toHead(after))).toBe(canonical(toHead(before)));
        foldAll(after, log.slice(cut));
        expect(canonical(toHead(after))).toBe(canonical(toHead(state)));
      }),
      effort,
    );
  });

  test("SPEC 3.2: what toHead leaves out is what protobuf leaves out", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { state } = randomStory(tape);
        expect(canonical(stored(state))).toBe(canonical(toHead(state)));
      }),
      effort,
    );
  });

  test("SPEC 4.1, 4.2: records that the log holds twice, or many times, change nothing that anybody sees", () => {
    fc.assert(
      fc.property(choices, fc.array(fc.nat(), { minLength: 1, maxLength: 40 }), (tape, again) => {
        const { log, accepted } = randomStory(tape);
        const verdicts = judgedOf(log);
        const state = newSession(limits);
        const seen = withRetries(log, verdicts, again).flatMap(({ entry, isRetry }) => {
          const result = fold(state, entry.record, entry);
          expect(!isRetry || isSameVerdict(result.verdict, verdicts.get(entry))).toBe(true);
          return result.accepted ?? [];
        });
        expect(withoutTime(seen)).toEqual(withoutTime(accepted));
      }),
      effort,
    );
  });

  test("SPEC 2.1: accepted events are numbered without gap or repeat", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { accepted, state } = randomStory(tape);
        const kept = accepted.filter(({ seq }) => seq !== 0);
        const numbered = kept.flatMap(({ seq, count }) => Array.from({ length: count }, (_, index) => seq + index));
        expect(numbered).toEqual(Array.from({ length: state.seq }, (_, index) => index + 1));
      }),
      effort,
    );
  });

  test("SPEC 2.2: a refused record leaves nothing but its number, the offset and the time", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { log } = randomStory(tape);
        const state = newSession(limits);
        let before = items(state);
        for (const entry of log) {
          const { verdict } = fold(state, entry.record, entry);
          const after = items(state);
          expect(verdict.kind === "accepted" || after === before).toBe(true);
          before = after;
        }
      }),
      { ...effort, numRuns: Math.ceil(effort.numRuns / 4) },
    );
  });
});

function items(state: Parameters<typeof toHead>[0]): string {
  const { ledger: _ledger, covered: _covered, timeMs: _timeMs, ...rest } = toHead(state);
  return canonical(rest);
}

/** A retry hears the original verdict, or that the session no longer knows the writer. */
const isSameVerdict = (verdict: Verdict, code: string | undefined): boolean =>
  verdict.kind === "duplicate" ? verdict.code === code : verdict.kind === "rejected" && unjudged.has(verdict.code);

/** The log with some of its judged records once more: at once, or later, as long as writers keep what they sent. */
function withRetries(log: readonly Entry[], judged: ReadonlyMap<Entry, unknown>, again: readonly number[]) {
  const entries = log.map((entry) => ({ entry, isRetry: false }));
  for (const choice of again) {
    const entry = log[choice % log.length];
    if (entry === undefined || !judged.has(entry)) continue;
    const place = entries.findIndex((other) => other.entry === entry) + 1 + ((choice >> 8) % 3);
    entries.splice(place, 0, { entry, isRetry: true });
  }
  return entries;
}

// What is sent too early, or by a writer that is not known, gets no verdict that is kept: it is judged when its time comes.
const unjudged: ReadonlySet<string> = new Set([
  "producer_gap",
  "producer_conflict",
  "producer_expired",
  "session_replaced",
  "invalid_record",
]);

/** Entries with a verdict that the ledger keeps, and the code of their refusal. */
function judgedOf(log: readonly Entry[]): ReadonlyMap<Entry, string | undefined> {
  const state = newSession(limits);
  const verdicts = new Map<Entry, string | undefined>();
  for (const entry of log) {
    const { verdict } = fold(state, entry.record, entry);
    if (verdict.kind === "accepted") verdicts.set(entry, undefined);
    else if (verdict.kind === "rejected" && entry.record.first !== 0 && !unjudged.has(verdict.code)) {
      verdicts.set(entry, verdict.code);
    }
  }
  return verdicts;
}

// A retry between two records may bring the later time of the second one.
const withoutTime = (accepted: readonly Accepted[]) => accepted.map(({ timeMs: _timeMs, ...rest }) => rest);
