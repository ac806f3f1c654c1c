import { canonical, project, type SessionState } from "@perdure/core";
import type { EventJson, HeadJson } from "@perdure/protocol";
import type { Heard, Seen } from "../cluster/recorder.ts";
import { countOf, seqOf } from "../cluster/reader.ts";
import type { Findings } from "./findings.ts";
import type { History, Judged } from "./history.ts";

const FAMILIES = ["messages", "runs", "requests", "controls", "takeovers"] as const;

/** Asks the fold to stop where a reader looked, and compares what it showed. */
export function compareSeen(history: History, seen: readonly Seen[], findings: Findings): void {
  for (const each of seen) {
    if (each.sessionKey !== history.sessionKey) continue;
    history.whenAt(each.seq, (state) => {
      if (state.epoch !== each.epoch) return;
      if (within(each.head, state) === shown(project(state, each.level))) return;
      findings.add(
        "resume",
        `${each.reader} shows in ${each.sessionKey} at ${each.seq} (${each.how}) what the log does not say`,
      );
    });
  }
}

/** Without what only says where the past begins. */
function shown({ shedSeq: _shedSeq, nextPage: _nextPage, ...head }: HeadJson): string {
  return canonical(head);
}

/** What a reader shows, less what the server has shed since. */
function within(head: HeadJson, server: SessionState): string {
  const held = new Set(FAMILIES.flatMap((family) => [...server[family].keys()]));
  const kept: HeadJson = { ...head };
  for (const family of FAMILIES) {
    const items = (head[family] ?? []).filter(({ id = "" }) => held.has(id));
    if (items.length === 0) delete kept[family];
    else Object.assign(kept, { [family]: items });
  }
  return shown(kept);
}

const RANKS: Readonly<Record<string, number>> = { AUDIENCE_ALL: 0, AUDIENCE_STAFF: 1, AUDIENCE_AGENTS: 2 };

/** Dense, roles: each frame is the record of its seq, or hides it where the reader may not see it. */
export function checkHeard(heard: readonly Heard[], histories: ReadonlyMap<string, History>, findings: Findings): void {
  const bySeq = new Map([...histories].map(([key, history]) => [key, recordsBySeq(history)]));
  for (const each of heard) {
    const record = bySeq.get(each.sessionKey)?.get(`${each.epoch} ${seqOf(each.frame)}`);
    const fault = record === undefined ? "is no record of the log" : faultOf(each, record);
    if (fault !== undefined)
      findings.add("dense", `${each.reader} got seq ${seqOf(each.frame)} of ${each.sessionKey}: it ${fault}`);
  }
}

function recordsBySeq({ judged }: History): Map<string, Judged> {
  const bySeq = new Map<string, Judged>();
  let epoch = -1;
  for (const each of judged) {
    const { accepted } = each;
    if (accepted === undefined || accepted.seq === 0) continue;
    epoch = accepted.epoch ?? epoch;
    bySeq.set(`${epoch} ${accepted.seq}`, each);
  }
  return bySeq;
}

function faultOf({ frame, level }: Heard, { accepted }: Judged): string | undefined {
  if (accepted === undefined) return "was not accepted";
  if (countOf(frame) !== accepted.count) return `has ${countOf(frame)} events, and the record ${accepted.count}`;
  const covered = (RANKS[accepted.audience] ?? 3) <= (level === "staff" ? 1 : 0);
  const isHidden = !("t" in frame) && frame[0] === "s";
  if (!covered) return isHidden ? undefined : "shows what this reader may not see";
  if (isHidden) return "hides what this reader may see";
  if ("t" in frame) return sameEvents(frame.ev, accepted.events, level) ? undefined : "says something else";
  const append = accepted.events[0]?.partAppended;
  const [, , , , at, text] = frame;
  return append?.text === text && (append?.at ?? 0) === at ? undefined : "appends something else";
}

/** Fields that only staff see: what stands in them is no part of what others are told. */
const FOR_STAFF = ["summary", "note", "limitTokens", "limitMicros", "warnAt", "spentTokens", "spentMicros"];

/** What is sealed is left out for those who are no agents, and what is for staff for those who are not. */
function sameEvents(told: readonly EventJson[], stored: readonly EventJson[], level: Heard["level"]): boolean {
  const left = new Set(level === "staff" ? ["sealed"] : ["sealed", ...FOR_STAFF]);
  return JSON.stringify(told) === without(left, told) && without(left, told) === without(left, stored);
}

const without = (left: ReadonlySet<string>, events: readonly EventJson[]): string =>
  JSON.stringify(events, (name, value: unknown) => (left.has(name) ? undefined : value));
