import type { HeadJson, PageJson } from "@perdure/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { choices, effort, foldAll, limits, stateAt } from "./testing/properties.ts";
import { randomStory } from "./testing/random/session.ts";
import {
  applyAccepted,
  canonical,
  fold,
  fromHead,
  type Level,
  mergePatch,
  patchSince,
  project,
  projectAccepted,
  type SessionState,
} from "./index.ts";

const levels = fc.constantFrom<Level>("all", "staff", "agents");

/** What a reader shows: without what only says where the past begins. */
function shown(state: SessionState, level: Level): HeadJson {
  const { shedSeq: _shedSeq, nextPage: _nextPage, ...head } = project(state, level);
  return head;
}

const families = ["messages", "runs", "requests", "controls", "takeovers"] as const;

/** Ids of what may leave for pages. */
const idsOf = (json: HeadJson | PageJson): readonly string[] =>
  families.flatMap((family) => (json[family] ?? []).map(({ id = "" }) => id));

/** What a reader shows, less what the server has shed since. */
function within(head: HeadJson, server: SessionState): string {
  const held = new Set([
    ...server.messages.keys(),
    ...server.runs.keys(),
    ...server.requests.keys(),
    ...server.controls.keys(),
    ...server.takeovers.keys(),
  ]);
  const kept: HeadJson = { ...head };
  for (const family of families) {
    const items = (head[family] ?? []).filter(({ id = "" }) => held.has(id));
    if (items.length === 0) delete kept[family];
    else Object.assign(kept, { [family]: items });
  }
  return canonical(kept);
}

describe("a reader of any session", () => {
  test("SPEC 10.1: a snapshot and the accepted records after it show what the server shows", () => {
    fc.assert(
      fc.property(choices, fc.nat(), levels, (tape, at, level) => {
        const { log, state } = randomStory(tape);
        const cut = at % (log.length + 1);
        const server = stateAt(log, cut);
        const reader = fromHead(project(server, level), limits);
        for (const accepted of foldAll(server, log.slice(cut))) applyAccepted(reader, projectAccepted(accepted, level));
        expect(within(shown(reader, level), state)).toBe(canonical(shown(state, level)));
      }),
      effort,
    );
  });

  test.each([
    ["with caps that shed all the time", {}],
    ["with caps that shed nothing", { settledBytes: 1e9, tombstones: 1e6 }],
  ])("SPEC 10.2: a patch shows what the server shows, %s", (_name, caps) => {
    let patched = 0;
    fc.assert(
      fc.property(choices, fc.nat(), levels, (tape, at, level) => {
        const { log, state, accepted } = randomStory(tape, { ...limits, ...caps });
        const reader = fromHead({}, { ...limits, ...caps });
        const seen = accepted.slice(0, 1 + (at % accepted.length));
        for (const record of seen) applyAccepted(reader, projectAccepted(record, level));
        const patch = patchSince(state, reader.seq, level);
        if (patch === undefined) return;
        patched += 1;
        mergePatch(reader, patch);
        expect(within(shown(reader, level), state)).toBe(canonical(shown(state, level)));
        expect(log.length).toBeGreaterThan(0);
      }),
      effort,
    );
    expect(patched).toBeGreaterThan(0);
  });

  test("SPEC 10.3: what a reader has beyond the server's state is in the pages since, and nothing else", () => {
    fc.assert(
      fc.property(choices, fc.nat(), (tape, at) => {
        const { log, state } = randomStory(tape);
        const cut = at % (log.length + 1);
        const server = stateAt(log, cut);
        const reader = fromHead(project(server, "agents"), limits);
        const left = new Set<string>();
        for (const entry of log.slice(cut)) {
          const { accepted, pages } = fold(server, entry.record, entry);
          if (accepted !== undefined) applyAccepted(reader, accepted);
          for (const id of pages.flatMap(idsOf)) left.add(id);
        }
        const held = new Set(idsOf(project(state, "agents")));
        const beyond = idsOf(project(reader, "agents")).filter((id) => !held.has(id));
        expect(new Set(beyond)).toEqual(left);
      }),
      effort,
    );
  });
});
