import type { RoleJson } from "@perdure/protocol";
import type { Code } from "../codes.ts";
import { type Context, writer } from "../context.ts";
import type { Request, SessionState } from "../state.ts";
import {
  attemptHolds,
  audienceWithin,
  countOf,
  heldRun,
  isStale,
  type Judge,
  missing,
  sameAudience,
} from "./reasons.ts";

export const requestOpened: Judge<"requestOpened"> = (state, body, context) => {
  const { runId = "", kind, choices = [], url = "" } = body;
  if (kind === "REQUEST_KIND_CHOICE" && choices.length === 0) return "invalid_event";
  if (kind === "REQUEST_KIND_URL" && url === "") return "invalid_event";
  const full = countOf(state.requests.values(), ({ settled }) => !settled) >= state.limits.unsettledRequests;
  if (full) return "too_many_requests";
  if (runId === "") return undefined;
  const run = heldRun(state, context);
  return run?.id === runId ? audienceWithin(context, run.audience) : "attempt_required";
};

const usualAnswerers: readonly RoleJson[] = ["ROLE_USER", "ROLE_OPERATOR"];

export const requestAnswered: Judge<"requestAnswered"> = (state, body, context) => {
  const request = state.requests.get(body.requestId ?? "");
  if (request === undefined) return missing(state, "TOMBSTONE_KIND_REQUEST", body.requestId ?? "");
  const refusal = sameAudience(context, request.audience);
  if (refusal !== undefined) return refusal;
  if (!(request.request.roles ?? usualAnswerers).includes(context.actor.role ?? "ROLE_UNSPECIFIED")) return "forbidden";
  if (request.phase === "REQUEST_PHASE_ANSWERED") return { code: "already_decided", winner: request.answeredBy };
  if (request.phase !== "REQUEST_PHASE_OPEN") return "request_closed";
  return body.action === "ANSWER_ACTION_ACCEPT" ? judgePayload(request, body.payload ?? "") : undefined;
};

/** Where there are choices, the payload is one of them, as JSON text. */
function judgePayload({ request }: Request, payload: string): Code | undefined {
  if (request.kind !== "REQUEST_KIND_CHOICE") return undefined;
  const chosen = (request.choices ?? []).some(({ value }) => JSON.stringify(value) === payload);
  return chosen ? undefined : "invalid_answer";
}

export const requestExpired: Judge<"requestExpired"> = (state, body, context) => {
  const request = state.requests.get(body.requestId ?? "");
  if (request?.phase !== "REQUEST_PHASE_OPEN" || isStale(state, context, request.changed)) return "stale_cause";
  if (request.dueMs === 0 || context.timeMs < request.dueMs) return "not_due";
  return sameAudience(context, request.audience);
};

export const requestWithdrawn: Judge<"requestWithdrawn"> = (state, body, context) => {
  const request = state.requests.get(body.requestId ?? "");
  if (request === undefined) return missing(state, "TOMBSTONE_KIND_REQUEST", body.requestId ?? "");
  if (request.phase === "REQUEST_PHASE_ANSWERED") return { code: "already_decided", winner: request.answeredBy };
  if (request.phase !== "REQUEST_PHASE_OPEN") return "request_closed";
  return judgeAsker(state, request, context) ?? sameAudience(context, request.audience);
};

function judgeAsker(state: SessionState, request: Request, context: Context): Code | undefined {
  const { runId = "" } = request.request;
  if (runId === "") return request.askedBy === writer(context) ? undefined : "forged_actor";
  const run = state.runs.get(runId);
  // The run's audience may be wider than the request's, which the event must have.
  return run === undefined ? "run_ended" : attemptHolds(state, runId, { ...context, audience: run.audience });
}
