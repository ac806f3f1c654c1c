import type { Due } from "./api.ts";
import { audienceAll, type Budget, type SessionState } from "./state.ts";

/** What all usage together has cost in a budget's currency, or counted in tokens. */
function spentOf(state: SessionState, { currency }: Budget): number {
  let spent = 0;
  for (const total of state.usage.values()) {
    if (currency === "") spent += total.inputTokens + total.outputTokens;
    else if (total.currency === currency) spent += total.costMicros;
  }
  // Where numbers are exact, as the sums are.
  return Math.min(spent, Number.MAX_SAFE_INTEGER);
}

/** The two levels that a budget can reach. */
export type BudgetLevel = "warned" | "exhausted";

/** From how much on a level is reached; Infinity: never. */
function threshold({ currency, limitMicros, limitTokens, warnAt }: Budget, level: BudgetLevel): number {
  const limit = currency === "" ? limitTokens : limitMicros;
  if (level === "exhausted") return limit;
  return warnAt === 0 ? Number.POSITIVE_INFINITY : Math.ceil((limit / 1000) * warnAt);
}

/** What is spent, where it reaches the level. */
export function reached(state: SessionState, budget: Budget, level: BudgetLevel): number | undefined {
  const spent = spentOf(state, budget);
  return spent >= threshold(budget, level) ? spent : undefined;
}

/** What the keeper owes the session's budgets: the highest level that each has reached and not been told of. */
export function* budgetDues(state: SessionState): Iterable<Due> {
  for (const budget of state.budgets.values()) {
    const { currency, phase, changed: causeSeq } = budget;
    if (phase === "BUDGET_PHASE_EXHAUSTED" || state.info.closed) continue;
    const exhausted = reached(state, budget, "exhausted");
    const spent = exhausted ?? (phase === "BUDGET_PHASE_OPEN" ? reached(state, budget, "warned") : undefined);
    if (spent === undefined) continue;
    const body = currency === "" ? { currency, spentTokens: String(spent) } : { currency, spentMicros: String(spent) };
    const event = exhausted === undefined ? { budgetWarned: body } : { budgetExhausted: body };
    yield { atMs: 0, causeSeq, audience: audienceAll, events: [event] };
  }
}
