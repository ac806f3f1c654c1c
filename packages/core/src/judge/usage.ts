import { usageIdentity, usageKey } from "../apply/usage.ts";
import type { Judge } from "./reasons.ts";

/** Room beside the models for one sum "other" per currency and audience. */
const othersMax = 16;

export const usageReported: Judge<"usageReported"> = (state, body, context) => {
  // A line break separates the names in the sum's key.
  if (/\n/.test(`${body.provider ?? ""}${body.model ?? ""}${body.currency ?? ""}`)) return "invalid_event";
  const known = state.usage.has(usageKey(usageIdentity(state, body, context.audience)));
  return known || state.usage.size < state.limits.usageTotals + othersMax ? undefined : "session_full";
};
