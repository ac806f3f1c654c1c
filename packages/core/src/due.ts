import type { AudienceJson, EventJson } from "@perdure/protocol";
import type { Due } from "./api.ts";
import { isAlive } from "./apply/agents.ts";
import { claimedTakeover, openTakeover } from "./apply/floor.ts";
import { isUnderWay } from "./apply/lifecycle.ts";
import { budgetDues } from "./budgets.ts";
import { poolDues } from "./pools.ts";
import { audienceAll, type Control, type SessionState } from "./state.ts";

/**
 * How long an agent may be away, or take to obey a cancel, or whoever has the floor be away, in milliseconds: as the
 * session's policy says, or the default.
 */
export function graceMsOf(state: SessionState, what: "agent" | "cancel" | "takeover"): number {
  const { policy } = state.info;
  if (what === "takeover") return policy.takeoverGraceMs ?? state.limits.takeoverGraceMs;
  if (what === "agent") return policy.agentGraceMs ?? state.limits.agentGraceMs;
  return policy.cancelGraceMs ?? state.limits.cancelGraceMs;
}

/** Until when a cancel must be obeyed. */
export const cutOffMs = (state: SessionState, control: Control): number => control.timeMs + graceMsOf(state, "cancel");

const due = (atMs: number, causeSeq: number, audience: AudienceJson, event: EventJson): Due => ({
  atMs,
  causeSeq,
  audience,
  events: [event],
});

/**
 * The derived records that the keeper owes this session, the earliest first; `atMs` 0: now. Of a pool with a long queue
 * only the next ones: ask again when they are written.
 */
export function dues(state: SessionState): readonly Due[] {
  if (state.epoch === undefined) return [];
  const owed = [
    ...crashes(state),
    ...orphans(state),
    ...expiries(state),
    ...cutOffs(state),
    ...floorDues(state),
    ...budgetDues(state),
    ...poolDues(state),
  ];
  return owed.toSorted((one, other) => one.atMs - other.atMs);
}

/** When the keeper has to act next, Unix milliseconds of the log's time. 0: never; what is due now has a time long past. */
export function nextDueMs(state: SessionState): number {
  const [next] = dues(state);
  return next === undefined ? 0 : Math.max(next.atMs, 1);
}

function* crashes(state: SessionState): Iterable<Due> {
  for (const { presence, instance, lostMs, changed } of state.agents.values()) {
    if (presence !== "AGENT_PRESENCE_LOST") continue;
    yield due(lostMs + graceMsOf(state, "agent"), changed, audienceAll, { agentCrashed: { instance } });
  }
}

function* orphans(state: SessionState): Iterable<Due> {
  for (const run of state.runs.values()) {
    if (!isUnderWay(run) || isAlive(state.agents.get(run.instance))) continue;
    const { id: runId, instance, changed, audience } = run;
    yield due(0, changed, audience, { runOrphaned: { runId, instance } });
  }
}

function* expiries(state: SessionState): Iterable<Due> {
  for (const { id: requestId, phase, dueMs, changed, audience } of state.requests.values()) {
    if (phase !== "REQUEST_PHASE_OPEN" || dueMs === 0) continue;
    yield due(dueMs, changed, audience, { requestExpired: { requestId } });
  }
}

// The first cancel of a run decides when it is cut off.
function* cutOffs(state: SessionState): Iterable<Due> {
  const seen = new Set<string>();
  for (const control of state.controls.values()) {
    const { id: controlId, kind, runId, settled, changed } = control;
    const run = state.runs.get(runId);
    if (kind !== "CONTROL_KIND_CANCEL" || settled || run === undefined || seen.has(runId)) continue;
    seen.add(runId);
    yield due(cutOffMs(state, control), changed, run.audience, { runCancelled: { runId, controlId, cutOff: true } });
  }
}

// A request that nobody claims expires; a floor whose holder stays away is given back.
function* floorDues(state: SessionState): Iterable<Due> {
  const takeover = openTakeover(state);
  if (takeover === undefined) return;
  const { id: takeoverId, changed, dueMs, goneMs } = takeover;
  if (claimedTakeover(state) === undefined) {
    if (dueMs !== 0) yield due(dueMs, changed, audienceAll, { takeoverExpired: { takeoverId } });
  } else if (goneMs !== 0) {
    const outcome = "TAKEOVER_OUTCOME_ABANDONED";
    yield due(goneMs + graceMsOf(state, "takeover"), changed, audienceAll, {
      takeoverReleased: { takeoverId, outcome },
    });
  }
}
