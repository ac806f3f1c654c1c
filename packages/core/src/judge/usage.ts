import { totalsOf, usageIdentity, usageKey } from "../apply/usage.ts";
import type { Judge } from "./reasons.ts";

/** Room beside the models for one sum "other" per currency. */
const othersMax = 16;

export const usageReported: Judge<"usageReported"> = (state, body, context) => {
  // A line break separates the names in the sum's key.
  if (/\n/.test(`${body.provider ?? ""}${body.model ?? ""}${body.currency ?? ""}`)) return "invalid_event";
  const known = state.usage.has(usageKey(usageIdentity(state, body, context.audience)));
  const room = totalsOf(state, context.audience) < state.limits.usageTotals + othersMax;
  return known || room ? undefined : "session_full";
};
