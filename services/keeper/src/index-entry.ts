import { dues, type SessionState } from "@perdure/core";
import type { IndexEntryJson } from "@perdure/protocol";
import { lifeText, nodesOf, PRESENT } from "./node-life.ts";

const NODES_LISTED = 16;
const ENDED = new Set(["RUN_PHASE_COMPLETED", "RUN_PHASE_FAILED", "RUN_PHASE_CANCELLED"]);

/** At once; 0 would say never. */
const NOW_MS = 1;

/** When the keeper has to act next in the session, Unix milliseconds; 0: never. */
export function dueMsOf(state: SessionState): number {
  const [first] = dues(state);
  return first === undefined ? 0 : Math.max(first.atMs, NOW_MS);
}

/** Whether somebody wrote the entry who owed more than the state says; what pools should know was told otherwise. */
export const saysOwing = ({ dueMs }: IndexEntryJson): boolean => Number(dueMs ?? 0) === NOW_MS;

/** Somebody or something is live: a member, an observer, an agent that is not gone, a run that has not ended. */
function isLive(state: SessionState): boolean {
  if (state.members.size > 0 || state.observers.size > 0) return true;
  for (const agent of state.agents.values()) {
    if (PRESENT.has(agent.presence) || agent.presence === "AGENT_PRESENCE_LOST") return true;
  }
  for (const run of state.runs.values()) if (!ENDED.has(run.phase)) return true;
  return false;
}

/**
 * What the index says of a session besides where its head and pages are. `owing`: the keeper owes more than the state
 * says, so that whoever takes over must look at once.
 */
export function indexEntryOf(state: SessionState, owing: boolean): IndexEntryJson {
  const nodes = nodesOf(state).map(lifeText);
  return {
    covered: String(state.covered),
    ...(state.epoch !== undefined && { epoch: String(state.epoch) }),
    seq: state.seq,
    rules: state.rules,
    live: isLive(state),
    dueMs: String(owing ? NOW_MS : dueMsOf(state)),
    nodes: nodes.slice(0, NODES_LISTED),
    manyNodes: nodes.length > NODES_LISTED,
  };
}
