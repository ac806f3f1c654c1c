import type { HeadJson, ProducerStateJson } from "@perdure/protocol";
import { settleTakeovers } from "./apply/floor.ts";
import * as items from "./from-items.ts";
import { putMessage } from "./from-messages.ts";
import { putRun } from "./from-runs.ts";
import { type Limits, LIMITS } from "./limits.ts";
import { fromInt64 } from "./sparse.ts";
import { FIRST_RULES, newSession, type SessionState } from "./state.ts";

/** The state that a head describes, whole or as a client gets it. What the head does not say has its default. */
export function fromHead(head: HeadJson, limits: Limits = LIMITS): SessionState {
  const state = newSession(limits);
  const { covered, seq = 0, timeMs, rules = FIRST_RULES, shedSeq = 0, nextPage = 0 } = head;
  Object.assign(state, { covered: fromInt64(covered), seq, timeMs: fromInt64(timeMs), rules, shedSeq, nextPage });
  if (head.epoch !== undefined) state.epoch = fromInt64(head.epoch);
  if (head.info !== undefined) state.info = items.infoOf(head.info);
  readLedger(state, head);
  readItems(state, head);
  return state;
}

function readLedger(state: SessionState, { ledger }: HeadJson): void {
  state.ledger.floor = ledger?.floor ?? 0;
  for (const json of ledger?.producers ?? []) readProducer(state, json);
}

function readProducer(state: SessionState, { key = "", last = 0, seq = 0, refused = [] }: ProducerStateJson): void {
  const slash = key.lastIndexOf("/");
  const id = key.slice(slash + 1);
  const ranges = refused.map(({ number = 0, last: end = number, code = "" }) => ({
    first: number,
    last: end,
    code,
  }));
  const producer = { id, participant: key.slice(0, Math.max(slash, 0)), last, seq, refused: ranges };
  state.ledger.producers.set(id, producer);
  state.ledger.refusals += ranges.length;
  state.latestProducer = producer;
}

/** Puts the items of a head, or of a patch, into the state: new ones at the end, known ones in their place. */
export function readItems(state: SessionState, head: HeadJson): void {
  for (const json of head.participants ?? []) items.putParticipant(state, json);
  for (const json of head.members ?? []) items.putMember(state, json);
  for (const json of head.observerCounts ?? []) items.putObserverCount(state, json);
  for (const json of head.agents ?? []) items.putAgent(state, json);
  // Runs first: whether a message is settled depends on its step.
  for (const json of head.runs ?? []) putRun(state, json);
  for (const json of head.messages ?? []) putMessage(state, json);
  for (const json of head.controls ?? []) items.putControl(state, json);
  for (const json of head.requests ?? []) items.putRequest(state, json);
  // After runs, which keep them.
  for (const json of head.takeovers ?? []) items.putTakeover(state, json);
  settleTakeovers(state);
  for (const json of head.budgets ?? []) items.putBudget(state, json);
  for (const json of head.documents ?? []) items.putDocument(state, json);
  for (const json of head.pool?.queue ?? []) items.putPoolRun(state, json);
  for (const json of head.usage?.totals ?? []) items.putUsage(state, json);
  for (const id of head.usage?.responseIds ?? []) state.responseIds.add(id);
  for (const json of head.tombstones ?? []) items.putTombstone(state, json);
  for (const { node = "", incarnation = 0 } of head.expiredNodes ?? []) state.expiredNodes.set(node, incarnation);
}
