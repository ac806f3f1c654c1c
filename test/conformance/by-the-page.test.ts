import { readFileSync } from "node:fs";
import { canonical, fold, type Level, type Limits, LIMITS, newSession, project, projectAccepted } from "@perdure/core";
import { choices, effort, limits, randomStory, storyAtWork } from "@perdure/core/testing";
import type { HeadJson } from "@perdure/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StateByThePage } from "./by-the-page.ts";
import { listNames } from "./head-lists.ts";
import { isList, isObject } from "./values.ts";

/** Few, so that some have to go; as many participants as there must be at least. */
const caps = { ...limits, members: 2, listedMembers: 1, agents: 1, removedParticipants: 1, participants: 5 };
const levels = fc.constantFrom<Level>("all", "staff", "agents");
const OF_RUNS = ["id", "phase", "suspended", "takeoverId", "progress"];

/** What is compared, of a run less than there is: the rest of it is not a matter of this page's second table. */
const shown = (name: string, item: Readonly<Record<string, unknown>>): unknown =>
  told(name === "runs" ? Object.fromEntries(OF_RUNS.map((field) => [field, item[field]])) : item);

/** As text; of what may leave for pages only what the server still has. */
function textOf(state: StateByThePage, { runs, controls, requests, takeovers }: HeadJson): string {
  const held = new Set([runs, controls, requests, takeovers].flatMap((list = []) => list.map(({ id = "" }) => id)));
  const leave = new Set<string>(["runs", "controls", "requests", "takeovers"]);
  const lists = listNames.map((name) => {
    const items = [...(state.lists.get(name)?.values() ?? [])].filter(
      ({ id }) => !leave.has(name) || held.has(String(id)),
    );
    return [name, items.map((item) => shown(name, item))] as const;
  });
  const rest = { totals: [...state.totals.values()], info: state.info, rules: state.rules };
  return canonical(
    Object.fromEntries([...lists, ...Object.entries(rest).map(([name, item]) => [name, told(item)] as const)]),
  );
}

type Log = ReturnType<typeof randomStory>["log"];

/** Reads a snapshot at a place of the log, and from there on events. */
function expectFollowed(log: Log, cut: number, level: Level, kept: Limits): void {
  const server = newSession(kept);
  for (const entry of log.slice(0, cut)) fold(server, entry.record, entry);
  const client = new StateByThePage(project(server, level), kept);
  for (const entry of log.slice(cut)) {
    const { accepted } = fold(server, entry.record, entry);
    if (accepted === undefined) continue;
    client.take(projectAccepted(accepted, level));
    const head = project(server, level);
    expect(textOf(client, head)).toBe(textOf(new StateByThePage(head, kept), head));
  }
}

describe("a client that folds events as the page says", () => {
  test("SPEC 10.1: comes to what the server shows, from any snapshot on, at each level", () => {
    fc.assert(
      fc.property(choices, fc.nat(), levels, (tape, at, level) => {
        const { log } = randomStory(tape, caps);
        expectFollowed(log, at % (log.length + 1), level, caps);
      }),
      effort,
    );
  });

  test("SPEC 10.1: sees the floor given up by the removal of whoever has it, which sessions at random do not come to", () => {
    const { story, ann } = storyAtWork();
    const oz = story.pen("oz", "ROLE_OPERATOR");
    story.write(oz, { takeoverClaimed: {} });
    story.write(ann, { participantRemoved: { participant: "oz" } });
    expect([...story.state.takeovers.values()]).toMatchObject([{ outcome: "TAKEOVER_OUTCOME_ABANDONED" }]);
    expectFollowed(story.log, 0, "all", LIMITS);
  });
});

test("each kind of event of the schema is a row of the page's tables, but what is passed on and what agents' pools hold", () => {
  const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const rows = page
    .slice(page.indexOf("## What a client keeps"))
    .split("\n")
    .filter((line) => line.startsWith("| "));
  const named = new Set(
    rows.flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`(\w+)`/g)].map(([, kind]) => kind)),
  );
  const schema: unknown = JSON.parse(readFileSync(new URL("../../docs/protocol.schema.json", import.meta.url), "utf8"));
  expect(kindsOf(schema).filter((kind) => !named.has(kind) && !/^pool|^transient$/.test(kind))).toEqual([]);
});

function kindsOf(schema: unknown): readonly string[] {
  const defs = isObject(schema) ? schema["$defs"] : undefined;
  const event = isObject(defs) ? defs["Event"] : undefined;
  const kinds = isObject(event) && isObject(event["properties"]) ? Object.keys(event["properties"]) : [];
  expect(kinds.length).toBeGreaterThan(60);
  return kinds;
}

/** Without what has the default of its type, so that it does not matter whether it stands there; numbers as text. */
function told(value: unknown): unknown {
  if (isList(value)) return value.map(told);
  if (!isObject(value)) return typeof value === "number" ? String(value) : value;
  const fields = Object.entries(value).map(([key, field]) => [key, told(field)] as const);
  return Object.fromEntries(fields.filter(([, field]) => !isDefault(field)));
}

const isDefault = (field: unknown): boolean =>
  [undefined, "", "0", false].some((value) => value === field) ||
  (isList(field) && field.length === 0) ||
  (isObject(field) && Object.keys(field).length === 0);
