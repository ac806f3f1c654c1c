import type { ChoiceJson, RequestOpenedJson } from "@perdure/protocol";
import { type Context, newItemId, writer } from "../context.ts";
import type { Body } from "../kinds.ts";
import { sparse } from "../sparse.ts";
import type { Request, FollowedState } from "../state.ts";
import { add, touch } from "../undo.ts";
import { reweigh, settle, weighRequest } from "../weight.ts";

const choiceOf = (choice: ChoiceJson): ChoiceJson => sparse({ ...choice });

const questionOf = (body: Body<"requestOpened">): RequestOpenedJson =>
  sparse({ ...body, choices: (body.choices ?? []).map(choiceOf), roles: [...(body.roles ?? [])] });

// A decided request stays as long as its run, since another attempt may need the answer.
function decide(state: FollowedState, request: Request, phase: Request["phase"], seq: number): void {
  request.phase = phase;
  request.changed = seq;
  reweigh(state, request, weighRequest(request));
  const run = state.runs.get(request.request.runId ?? "");
  if (run === undefined || run.settled) settle(state, request, true);
}

/** Settles a request whose run is over: nobody waits for the answer any more. */
export function withdraw(state: FollowedState, request: Request, seq: number): void {
  if (request.phase === "REQUEST_PHASE_OPEN") {
    touch(state, request).phase = "REQUEST_PHASE_WITHDRAWN";
    request.changed = seq;
  }
  settle(state, request, true);
}

export const requestAppliers = {
  requestOpened(state: FollowedState, body: Body<"requestOpened">, context: Context): void {
    const expiresInMs = body.expiresInMs ?? 0;
    const request: Request = {
      id: newItemId(context),
      opened: context.seq,
      phase: "REQUEST_PHASE_OPEN",
      request: questionOf(body),
      askedBy: writer(context),
      answeredBy: "",
      payload: "",
      dueMs: expiresInMs === 0 ? 0 : context.timeMs + expiresInMs,
      audience: context.audience,
      changed: context.seq,
      weight: 0,
      settled: false,
    };
    if (state.requests.has(request.id)) return;
    add(state, state.requests, request.id, request);
    reweigh(state, request, weighRequest(request));
  },

  requestAnswered(state: FollowedState, body: Body<"requestAnswered">, context: Context): void {
    const request = state.requests.get(body.requestId ?? "");
    if (request === undefined) return;
    touch(state, request).answeredBy = writer(context);
    if (body.action !== undefined) request.action = body.action;
    request.payload = body.payload ?? "";
    decide(state, request, "REQUEST_PHASE_ANSWERED", context.seq);
  },

  requestExpired(state: FollowedState, body: Body<"requestExpired">, context: Context): void {
    const request = state.requests.get(body.requestId ?? "");
    if (request === undefined) return;
    touch(state, request).payload = request.request.defaultPayload ?? "";
    decide(state, request, "REQUEST_PHASE_EXPIRED", context.seq);
  },

  requestWithdrawn(state: FollowedState, body: Body<"requestWithdrawn">, context: Context): void {
    const request = state.requests.get(body.requestId ?? "");
    if (request !== undefined) decide(state, touch(state, request), "REQUEST_PHASE_WITHDRAWN", context.seq);
  },
};
