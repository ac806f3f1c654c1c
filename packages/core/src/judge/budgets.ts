import { type BudgetLevel, reached } from "../budgets.ts";
import type { Code } from "../codes.ts";
import type { Context } from "../context.ts";
import type { Body } from "../kinds.ts";
import { fromInt64 } from "../sparse.ts";
import type { SessionState } from "../state.ts";
import { isStale, type Judge } from "./reasons.ts";

// In a currency, or in tokens.
export const budgetSet: Judge<"budgetSet"> = (state, body) => {
  const { currency = "", warnAt = 0 } = body;
  const [limit, other] = [fromInt64(body.limitMicros), fromInt64(body.limitTokens)];
  const amounts = currency === "" ? [other, limit] : [limit, other];
  if (amounts[0] === 0 || amounts[1] !== 0 || warnAt > 1000) return "invalid_event";
  const full = !state.budgets.has(currency) && state.budgets.size >= state.limits.budgets;
  return full ? "too_many_budgets" : undefined;
};

export const budgetLifted: Judge<"budgetLifted"> = (state, body) =>
  state.budgets.has(body.currency ?? "") ? undefined : "not_found";

export const budgetWarned: Judge<"budgetWarned"> = (state, body, context) => {
  const isOpen = state.budgets.get(body.currency ?? "")?.phase === "BUDGET_PHASE_OPEN";
  return isOpen ? judgeLevel(state, body, "warned", context) : "stale_cause";
};

export const budgetExhausted: Judge<"budgetExhausted"> = (state, body, context) => {
  const isTold = state.budgets.get(body.currency ?? "")?.phase === "BUDGET_PHASE_EXHAUSTED";
  return isTold ? "stale_cause" : judgeLevel(state, body, "exhausted", context);
};

/** The level is reached, with what the event says; more may have been spent since. */
function judgeLevel(
  state: SessionState,
  body: Body<"budgetWarned">,
  level: BudgetLevel,
  context: Context,
): Code | undefined {
  const { currency = "" } = body;
  const budget = state.budgets.get(currency);
  if (budget === undefined || isStale(state, context, budget.changed)) return "stale_cause";
  const spent = reached(state, budget, level);
  if (spent === undefined) return "not_due";
  const said = fromInt64(currency === "" ? body.spentTokens : body.spentMicros);
  return said <= spent ? undefined : "stale_cause";
}
