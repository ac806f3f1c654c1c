import type { HeadJson, TombstoneJson } from "@perdure/protocol";
import { forgetDocument } from "../apply/documents.ts";
import { forgetMessage } from "../apply/messages.ts";
import { readItems } from "../read-head.ts";
import { infoOf } from "../from-items.ts";
import { fromInt64 } from "../sparse.ts";
import type { FollowedState } from "../state.ts";
import { reweigh } from "../weight.ts";

/** Brings a reader's state up to date with a patch made for its seq and level. */
export function mergePatch(state: FollowedState, patch: HeadJson): void {
  const { tombstones = [], ...items } = patch;
  for (const tombstone of tombstones) takeAway(state, tombstone);
  if (patch.epoch !== undefined) state.epoch = fromInt64(patch.epoch);
  if (patch.info !== undefined) state.info = infoOf(patch.info);
  state.rules = patch.rules ?? state.rules;
  readItems(state, items);
  state.seq = Math.max(state.seq, patch.seq ?? 0);
}

function takeAway(state: FollowedState, { kind, id = "" }: TombstoneJson): void {
  if (kind === "TOMBSTONE_KIND_PARTICIPANT") state.participants.delete(id);
  else if (kind === "TOMBSTONE_KIND_MEMBER") state.members.delete(id);
  else if (kind === "TOMBSTONE_KIND_OBSERVERS") state.observers.delete(id);
  else if (kind === "TOMBSTONE_KIND_AGENT") state.agents.delete(id);
  else if (kind === "TOMBSTONE_KIND_POOL_RUN") state.pool.delete(id);
  else if (kind === "TOMBSTONE_KIND_MESSAGE") takeMessage(state, id);
  else if (kind === "TOMBSTONE_KIND_STEP") takeStep(state, id);
  else if (kind === "TOMBSTONE_KIND_DOCUMENT") takeDocument(state, id);
  else if (kind === "TOMBSTONE_KIND_BUDGET") state.budgets.delete(id.slice("budget:".length));
}

function takeDocument(state: FollowedState, id: string): void {
  const document = state.documents.get(id);
  if (document !== undefined) forgetDocument(state, document);
}

function takeMessage(state: FollowedState, id: string): void {
  const message = state.messages.get(id);
  if (message !== undefined) forgetMessage(state, message);
}

function takeStep(state: FollowedState, id: string): void {
  const step = state.steps.get(id);
  if (step === undefined) return;
  const { run } = step;
  state.steps.delete(id);
  run.steps = run.steps.filter((other) => other !== step);
  reweigh(state, run, run.weight - step.weight);
}
