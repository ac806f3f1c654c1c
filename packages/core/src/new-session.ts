import { type Limits, LIMITS } from "./limits.ts";
import { emptyState, type SessionState } from "./state.ts";

/** A name without a life yet. */
export const newSession = (limits: Limits = LIMITS): SessionState => emptyState(limits);
