import type { Code } from "./codes.ts";

/** How a code is told: in words, and on each transport. */
export interface CodeStatus {
  /** What happened and what to do next. */
  readonly meaning: string;
  /** Close code of a WebSocket that ends for this; 0: it is told in a frame. 4000-4499: reconnect; 4500-4999: do not. */
  readonly webSocketClose: number;
  /** https://grpc.io/docs/guides/status-codes */
  readonly grpcStatus: number;
  readonly httpStatus: number;
}

const status =
  (grpcStatus: number, httpStatus: number, webSocketClose = 0) =>
  (meaning: string): CodeStatus => ({ meaning, webSocketClose, grpcStatus, httpStatus });

const invalid = status(3, 400);
const forbidden = status(7, 403);
const conflict = status(9, 409);
const full = status(8, 429);
const tooLarge = status(8, 413);
const unavailable = status(14, 503);

/** The code says of what. */
const AS_MANY = "There are as many as there may be.";

/** Servers say codes so, and send the words along: clients, which only hear them, need none of this. */
export const STATUSES: Readonly<Record<Code, CodeStatus>> = {
  // A record as such.
  invalid_record: invalid("The record's producer, numbers, actor, audience or events are wrong."),
  invalid_event: invalid("A field of an event is missing or wrong."),
  too_large: status(3, 413)("A text is too long. Send less."),
  unknown_kind: status(12, 400)("These rules do not know this kind of event."),
  // Writers.
  producer_gap: conflict("Numbers are missing before this one. Send from `expected`."),
  producer_conflict: status(10, 409)("The numbers overlap, or the producer is another's."),
  producer_expired: status(10, 409)("The session has forgotten this producer. Take another id."),
  // Lives of a session.
  session_not_found: status(5, 404)("There is no such session. Create it first."),
  already_exists: status(6, 409)("It exists already. Take another id."),
  session_closed: conflict("The session is closed. It can only be read."),
  session_replaced: conflict("The name has another life by now. Attach again."),
  // Who may do what.
  forbidden: forbidden("The token's role may not write this."),
  forged_actor: forbidden("The event speaks for another than its writer."),
  forbidden_audience: forbidden("The audience is above the writer's."),
  audience_mismatch: invalid("The event's audience does not fit its item's."),
  participant_removed: forbidden("This participant was removed."),
  // Items.
  not_found: status(5, 404)("The session has no such item."),
  archived: conflict("The item is history and can no longer be changed."),
  removed: status(9, 410)("The item was removed."),
  already_decided: conflict("Another was first: see `winner`."),
  stale_cause: conflict("What it follows from has changed since."),
  not_due: conflict("It is too early for this event."),
  // Presence.
  node_expired: conflict("This life of the node is over. Join under a new incarnation."),
  agent_not_here: conflict("The agent is not in the session. Join first."),
  wrong_agent: conflict("The run asks for another agent."),
  // Runs, steps, controls.
  fenced: conflict("The attempt is over."),
  cancelled: status(1, 499)("Somebody asked the run to stop."),
  attempt_required: conflict("Only the run's attempt may write this."),
  no_agent: status(9, 400)("No agent is named, and there is no default."),
  run_ended: conflict("The run has ended."),
  run_not_active: conflict("Nobody works on the run."),
  run_not_suspended: conflict("The run does not wait."),
  step_ended: conflict("The step has ended."),
  receipt_out_of_order: conflict("The signal has a later receipt."),
  // Messages and parts.
  message_closed: conflict("The message is closed."),
  message_full: tooLarge("The message is as large as it may be. Go on in another."),
  part_closed: conflict("The part is closed."),
  append_gap: conflict("The text begins beyond the part's end."),
  append_conflict: conflict("The text begins before the part's end."),
  invalid_patch: invalid("The JSON Patch does not apply."),
  // What holds runs.
  taken_over: conflict("An operator has the floor. Go on when it is back."),
  floor_required: conflict("Only who has the floor may write this."),
  budget_exhausted: status(9, 402)("A budget is used up. Go on when it is raised."),
  too_many_budgets: full(AS_MANY),
  // Documents.
  document_conflict: status(10, 409)("The document has changed since `baseSeq`. Read it again."),
  documents_full: tooLarge("The documents are as large as they may be."),
  too_many_documents: full(AS_MANY),
  // Requests.
  request_closed: conflict("The request expired or was withdrawn."),
  invalid_answer: invalid("The answer is none of the choices."),
  // Caps of a session's state.
  session_full: tooLarge("As much is open as there may be. Close messages or end runs."),
  run_full: tooLarge("The run is as large as it may be."),
  pool_full: full("The agent's queue is full."),
  too_many_participants: full(AS_MANY),
  too_many_members: full(AS_MANY),
  too_many_agents: full(AS_MANY),
  too_many_messages: full(AS_MANY),
  too_many_parts: full(AS_MANY),
  too_many_annotations: full(AS_MANY),
  too_many_runs: full(AS_MANY),
  too_many_steps: full(AS_MANY),
  too_many_requests: full(AS_MANY),
  too_many_controls: full(AS_MANY),
  // Connections and frames.
  malformed: invalid("The bytes are not what they should be."),
  malformed_frame: status(3, 400, 4500)("The frame is no JSON of this protocol."),
  unknown_frame: status(3, 400, 4501)("The frame's kind is unknown."),
  frame_too_large: status(8, 413, 4502)("The frame is larger than `maxFrameBytes`."),
  protocol_version: status(9, 400, 4503)("This version is not spoken here. Update the client."),
  hello_expected: status(9, 400, 4504)("The first frame must be `hello`, and no other."),
  unauthenticated: status(16, 401, 4505)("The token is missing or not valid."),
  token_expired: status(16, 401, 4001)("The token has expired. Connect again with a new one."),
  forbidden_session: forbidden("The token does not cover this session."),
  forbidden_origin: status(7, 403, 4506)("Pages of this origin may not connect."),
  invalid_name: invalid("The name has characters or a length that it may not."),
  not_attached: conflict("The session is not attached. Attach first."),
  too_many_sessions: full(AS_MANY),
  cursor_future: status(11, 409)("The cursor is ahead of the session."),
  slow_consumer: status(8, 429, 4002)("The frames were taken too slowly. Connect again."),
  idle_timeout: status(14, 408, 4003)("Nothing was heard for too long."),
  draining: status(14, 503, 4004)("The node is about to stop. Connect again."),
  removed_from_session: forbidden("This participant was removed."),
  // Nodes and the log.
  unavailable: unavailable("This cannot be done now. Try again after the given time."),
  overloaded: status(8, 429, 4005)("Too much is asked at once. Try again after the given time."),
  catching_up: unavailable("The log is still being read. Try again after the given time."),
  history_lost: status(15, 410)("Records of the session are gone."),
  set_aside: status(15, 500)("A record of the session waits for repair."),
  rules_too_new: unavailable("The session follows newer rules. Connect again elsewhere."),
  internal: status(13, 500, 4006)("Something went wrong on the server."),
  // Clients' own.
  connection_lost: unavailable("The connection broke before the outcome was known."),
  token_unavailable: status(16, 401)("No token could be had."),
  storage_full: status(8, 507)("This device stores no more: what is not sent is lost with the page."),
  closed: status(1, 499)("The client was closed."),
};
