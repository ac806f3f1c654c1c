import type { AudienceJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { Body } from "../kinds.ts";
import { fromInt64 } from "../sparse.ts";
import type { FollowedState, UsageTotal } from "../state.ts";
import { add, drop, include, touch } from "../undo.ts";

type Identity = Pick<UsageTotal, "provider" | "model" | "currency" | "audience">;

/** Names a sum. No name holds a line break. */
export const usageKey = ({ provider, model, currency, audience }: Identity): string =>
  [provider, model, currency, audience].join("\n");

/** Under what a report is summed: under "other" where its audience has no more room for models. */
export function usageIdentity(state: FollowedState, body: Body<"usageReported">, audience: AudienceJson): Identity {
  const { provider = "", model = "", currency = "" } = body;
  const own = { provider, model, currency, audience };
  if (state.usage.has(usageKey(own)) || totalsOf(state, audience) < state.limits.usageTotals) return own;
  return { ...own, provider: "", model: "other" };
}

/** How many sums readers of an audience see. Others do not count, since not every reader knows of them. */
export function totalsOf(state: FollowedState, audience: AudienceJson): number {
  let count = 0;
  for (const total of state.usage.values()) if (total.audience === audience) count += 1;
  return count;
}

const emptyTotal = (identity: Identity): UsageTotal => ({
  ...identity,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheCreationTokens: 0,
  reasoningTokens: 0,
  costMicros: 0,
  reports: 0,
  changed: 0,
});

function addReport(total: UsageTotal, body: Body<"usageReported">): void {
  total.inputTokens = sum(total.inputTokens, body.inputTokens);
  total.outputTokens = sum(total.outputTokens, body.outputTokens);
  total.cacheReadTokens = sum(total.cacheReadTokens, body.cacheReadTokens);
  total.cacheCreationTokens = sum(total.cacheCreationTokens, body.cacheCreationTokens);
  total.reasoningTokens = sum(total.reasoningTokens, body.reasoningTokens);
  total.costMicros = sum(total.costMicros, fromInt64(body.costMicros));
  total.reports += 1;
}

// Sums stay where numbers are exact, which int64 can hold too.
const sum = (before: number, more = 0): number => Math.min(before + more, Number.MAX_SAFE_INTEGER);

function rememberResponse(state: FollowedState, responseId: string): void {
  if (responseId === "") return;
  include(state, state.responseIds, responseId);
  for (const oldest of state.responseIds) {
    if (state.responseIds.size <= state.limits.usageResponseIds) return;
    drop(state, state.responseIds, oldest);
  }
}

export const usageAppliers = {
  usageReported(state: FollowedState, body: Body<"usageReported">, context: Context): void {
    const identity = usageIdentity(state, body, context.audience);
    const key = usageKey(identity);
    if (!state.usage.has(key)) add(state, state.usage, key, emptyTotal(identity));
    const total = state.usage.get(key);
    if (total === undefined) return;
    addReport(touch(state, total), body);
    total.changed = context.seq;
    rememberResponse(state, body.responseId ?? "");
  },
};
