import type { Context } from "../context.ts";
import { writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import { fromInt64 } from "../sparse.ts";
import type { Budget, FollowedState } from "../state.ts";
import { bury } from "../tombstones.ts";
import { add, drop, touch } from "../undo.ts";
import { holdRuns } from "./holds.ts";

function reach(state: FollowedState, phase: Budget["phase"], body: Body<"budgetWarned">, context: Context): void {
  const budget = state.budgets.get(body.currency ?? "");
  if (budget === undefined) return;
  touch(state, budget).phase = phase;
  budget.spentMicros = fromInt64(body.spentMicros);
  budget.spentTokens = fromInt64(body.spentTokens);
  budget.changed = context.seq;
  holdRuns(state, context.seq);
}

export const budgetAppliers = {
  /** Begins a budget, or begins it anew: what is spent is looked at again. */
  budgetSet(state: FollowedState, body: Body<"budgetSet">, context: Context): void {
    const { currency = "", warnAt = 0 } = body;
    const budget: Budget = {
      currency,
      phase: "BUDGET_PHASE_OPEN",
      limitMicros: fromInt64(body.limitMicros),
      limitTokens: fromInt64(body.limitTokens),
      warnAt,
      spentMicros: 0,
      spentTokens: 0,
      setBy: writer(context),
      changed: context.seq,
    };
    const before = state.budgets.get(currency);
    if (before === undefined) add(state, state.budgets, currency, budget);
    else Object.assign(touch(state, before), budget);
    holdRuns(state, context.seq);
  },

  budgetLifted(state: FollowedState, body: Body<"budgetLifted">, context: Context): void {
    const { currency = "" } = body;
    if (!state.budgets.has(currency)) return;
    drop(state, state.budgets, currency);
    bury(state, "TOMBSTONE_KIND_BUDGET", `budget:${currency}`, context.seq);
    holdRuns(state, context.seq);
  },

  budgetWarned: (state: FollowedState, body: Body<"budgetWarned">, context: Context): void =>
    reach(state, "BUDGET_PHASE_WARNED", body, context),

  budgetExhausted: (state: FollowedState, body: Body<"budgetExhausted">, context: Context): void =>
    reach(state, "BUDGET_PHASE_EXHAUSTED", body, context),
};
