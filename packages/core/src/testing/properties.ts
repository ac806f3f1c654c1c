import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { type HeadJson, HeadSchema } from "@perdure/protocol";
import * as fc from "fast-check";
import { type Accepted, fold, LIMITS, newSession, type SessionState, toHead } from "../index.ts";
import { smallLimits } from "./random/session.ts";
import type { Entry } from "./story.ts";

/** The caps of random sessions. */
export const limits = { ...LIMITS, ...smallLimits };

/** Choices for one random session. */
export const choices = fc.array(fc.nat({ max: 100_000 }), { minLength: 50, maxLength: 4000, size: "max" });

/** How often a property is tried; FUZZ_SEED and FUZZ_RUNS widen the search, FUZZ_SHRINK makes a small case of a failure. */
export const effort = {
  seed: Number(process.env["FUZZ_SEED"] ?? 20_261),
  numRuns: Number(process.env["FUZZ_RUNS"] ?? 60),
  endOnFailure: process.env["FUZZ_SHRINK"] === undefined,
};

export const foldAll = (state: SessionState, log: readonly Entry[]): readonly Accepted[] =>
  log.flatMap((entry) => fold(state, entry.record, entry).accepted ?? []);

/** The state at a place in the log. */
export function stateAt(log: readonly Entry[], count: number): SessionState {
  const state = newSession(limits);
  foldAll(state, log.slice(0, count));
  return state;
}

/** A head as another process reads it: through protobuf. */
export const stored = (state: SessionState): HeadJson =>
  toJson(HeadSchema, fromBinary(HeadSchema, toBinary(HeadSchema, fromJson(HeadSchema, toHead(state)))));
