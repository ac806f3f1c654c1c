import type {
  HeadJson,
  MessageStateJson,
  PageJson,
  PartSpecJson,
  PartStateJson,
  RunStateJson,
} from "@perdure/protocol";
import type { Level } from "../api.ts";
import { covers } from "../audience.ts";
import {
  agentJson,
  budgetJson,
  controlJson,
  documentJson,
  infoJson,
  memberJson,
  messageJson,
  observerCountJson,
  participantJson,
  partJson,
  poolRunJson,
  requestJson,
  runJson,
  takeoverJson,
  usageJson,
} from "../head-items.ts";
import { sparse } from "../sparse.ts";
import type { Message, Part, Run, FollowedState } from "../state.ts";
import { shownBudget, shownTakeover } from "./for-staff.ts";

/** The state as a reader of this level gets it: nothing above the level, no ledger, no offsets, no unfinished characters. */
export const project = (state: FollowedState, level: Level): HeadJson =>
  sparse({
    ...itemsSince(state, 0, level),
    shedSeq: state.shedSeq,
    nextPage: state.nextPage,
  });

/**
 * What changed after `seq`, as a reader of this level gets it: items whole (of messages and runs only the parts and
 * steps that changed; of runs that the reader has, not what they were requested with), and tombstones of what is gone. Undefined where the state no longer knows all of that.
 */
export function patchSince(state: FollowedState, seq: number, level: Level): HeadJson | undefined {
  if (seq < state.shedSeq || seq > state.seq) return undefined;
  const tombstones = [...state.tombstones.values()].filter(({ changed }) => changed > seq);
  return sparse({ ...itemsSince(state, seq, level), tombstones });
}

function itemsSince(state: FollowedState, seq: number, level: Level): HeadJson {
  const isNew = ({ changed }: { changed: number }): boolean => changed > seq;
  const isShown = ({ audience, changed }: Shown): boolean => changed > seq && covers(level, audience);
  const pool = [...state.pool.values()].filter(isNew).map(poolRunJson);
  const totals = [...state.usage.values()].filter(isShown).map(usageJson);
  return sparse({
    ...(state.epoch === undefined ? {} : { epoch: String(state.epoch) }),
    seq: state.seq,
    rules: state.rules,
    ...(isNew(state.info) ? { info: infoJson(state.info) } : {}),
    participants: [...state.participants.values()].filter(isNew).map(participantJson),
    members: [...state.members.values()].filter(isNew).map(memberJson),
    observerCounts: [...state.observers.values()].filter(isNew).map(observerCountJson),
    agents: [...state.agents.values()].filter(isNew).map(agentJson),
    messages: [...state.messages.values()].flatMap((message) => messageSince(message, seq, level)),
    runs: [...state.runs.values()].flatMap((run) => (covers(level, run.audience) ? runSince(run, seq) : [])),
    controls: [...state.controls.values()].filter(isShown).map(controlJson),
    requests: [...state.requests.values()].filter(isShown).map(requestJson),
    takeovers: [...state.takeovers.values()].filter(isNew).map((item) => shownTakeover(takeoverJson(item), level)),
    budgets: [...state.budgets.values()].filter(isNew).map((item) => shownBudget(budgetJson(item), level)),
    documents: [...state.documents.values()].filter(isShown).map(documentJson),
    ...(pool.length === 0 ? {} : { pool: { queue: pool } }),
    ...(totals.length === 0 ? {} : { usage: { totals } }),
  });
}

type Shown = Pick<Part, "audience" | "changed">;

function messageSince(message: Message, seq: number, level: Level): MessageStateJson[] {
  if (!covers(level, message.audience)) return [];
  const parts = message.parts.filter(({ changed, audience }) => changed > seq && covers(level, audience));
  if (parts.length === 0 && message.changed <= seq) return [];
  return [
    messageJson(
      message,
      parts.map((part) => shownPart(partJson(part), level)),
    ),
  ];
}

function runSince(run: Run, seq: number): RunStateJson[] {
  const steps = run.steps.filter(({ changed }) => changed > seq);
  if (steps.length === 0 && run.changed <= seq) return [];
  const json = runJson(run, steps);
  return [run.requested > seq ? json : withoutRequest(json)];
}

/** It may be a thousand times what a progress says. */
function withoutRequest({ input: _input, tools: _tools, context: _context, ...run }: RunStateJson): RunStateJson {
  return run;
}

function shownPart({ pendingSurrogate: _pending, ...part }: PartStateJson, level: Level): PartStateJson {
  return part.part === undefined ? part : { ...part, part: shownSpec(part.part, level) };
}

/** A part's content without what is for agents only. */
export function shownSpec(spec: PartSpecJson, level: Level): PartSpecJson {
  if (level === "agents" || spec.sealed === undefined) return spec;
  const { sealed: _sealed, ...shown } = spec;
  return shown;
}

/** A page of the past as a reader of this level gets it. */
export function projectPage(page: PageJson, level: Level): PageJson {
  const { messages = [], runs = [], requests = [], controls = [], takeovers = [], previous: _previous, ...rest } = page;
  const isShown = ({ audience }: Pick<MessageStateJson, "audience">): boolean => covers(level, audience);
  return sparse({
    ...rest,
    messages: messages.filter(isShown).map((message) => shownMessage(message, level)),
    runs: runs.filter(isShown),
    requests: requests.filter(isShown),
    controls: controls.filter(isShown),
    takeovers: takeovers.map((takeover) => shownTakeover(takeover, level)),
  });
}

const shownMessage = ({ parts = [], ...message }: MessageStateJson, level: Level): MessageStateJson =>
  sparse({
    ...message,
    parts: parts.filter(({ audience }) => covers(level, audience)).map((part) => shownPart(part, level)),
  });
