import type { Code } from "./codes.ts";

/** How each transport says a code. */
export interface CodeStatus {
  /** Close code of a WebSocket that ends for this; 0: it is told in a frame. 4000-4499: reconnect; 4500-4999: do not. */
  readonly webSocketClose: number;
  /** https://grpc.io/docs/guides/status-codes */
  readonly grpcStatus: number;
  readonly httpStatus: number;
}

const status = (grpcStatus: number, httpStatus: number, webSocketClose = 0): CodeStatus => ({
  webSocketClose,
  grpcStatus,
  httpStatus,
});

const INVALID = status(3, 400);
const FORBIDDEN = status(7, 403);
const CONFLICT = status(9, 409);
const FULL = status(8, 429);
const TOO_LARGE = status(8, 413);
const UNAVAILABLE = status(14, 503);

/** Servers say codes so; clients, which only hear them, need none of this. */
export const STATUSES: Readonly<Record<Code, CodeStatus>> = {
  // A record as such.
  invalid_record: INVALID,
  invalid_event: INVALID,
  too_large: status(3, 413),
  unknown_kind: status(12, 400),
  // Writers.
  producer_gap: CONFLICT,
  producer_conflict: status(10, 409),
  producer_expired: status(10, 409),
  // Lives of a session.
  session_not_found: status(5, 404),
  already_exists: status(6, 409),
  session_closed: CONFLICT,
  session_replaced: CONFLICT,
  // Who may do what.
  forbidden: FORBIDDEN,
  forged_actor: FORBIDDEN,
  forbidden_audience: FORBIDDEN,
  audience_mismatch: INVALID,
  participant_removed: FORBIDDEN,
  // Items.
  not_found: status(5, 404),
  archived: CONFLICT,
  removed: status(9, 410),
  already_decided: CONFLICT,
  stale_cause: CONFLICT,
  not_due: CONFLICT,
  // Presence.
  node_expired: CONFLICT,
  agent_not_here: CONFLICT,
  wrong_agent: CONFLICT,
  // Runs, steps, controls.
  fenced: CONFLICT,
  cancelled: status(1, 499),
  attempt_required: CONFLICT,
  no_agent: status(9, 400),
  run_ended: CONFLICT,
  run_not_active: CONFLICT,
  run_not_suspended: CONFLICT,
  step_ended: CONFLICT,
  receipt_out_of_order: CONFLICT,
  // Messages and parts.
  message_closed: CONFLICT,
  message_full: TOO_LARGE,
  part_closed: CONFLICT,
  append_gap: CONFLICT,
  append_conflict: CONFLICT,
  invalid_patch: INVALID,
  // What holds runs.
  taken_over: CONFLICT,
  floor_required: CONFLICT,
  budget_exhausted: status(9, 402),
  too_many_budgets: FULL,
  // Documents.
  document_conflict: status(10, 409),
  documents_full: TOO_LARGE,
  too_many_documents: FULL,
  // Requests.
  request_closed: CONFLICT,
  invalid_answer: INVALID,
  // Caps of a session's state.
  session_full: TOO_LARGE,
  run_full: TOO_LARGE,
  pool_full: FULL,
  too_many_participants: FULL,
  too_many_members: FULL,
  too_many_agents: FULL,
  too_many_messages: FULL,
  too_many_parts: FULL,
  too_many_annotations: FULL,
  too_many_runs: FULL,
  too_many_steps: FULL,
  too_many_requests: FULL,
  too_many_controls: FULL,
  // Connections and frames.
  malformed: INVALID,
  malformed_frame: status(3, 400, 4500),
  unknown_frame: status(3, 400, 4501),
  frame_too_large: status(8, 413, 4502),
  protocol_version: status(9, 400, 4503),
  hello_expected: status(9, 400, 4504),
  unauthenticated: status(16, 401, 4505),
  token_expired: status(16, 401, 4001),
  forbidden_session: FORBIDDEN,
  forbidden_origin: status(7, 403, 4506),
  invalid_name: INVALID,
  not_attached: CONFLICT,
  too_many_sessions: FULL,
  cursor_future: status(11, 409),
  slow_consumer: status(8, 429, 4002),
  idle_timeout: status(14, 408, 4003),
  draining: status(14, 503, 4004),
  removed_from_session: FORBIDDEN,
  // Nodes and the log.
  unavailable: UNAVAILABLE,
  overloaded: status(8, 429, 4005),
  catching_up: UNAVAILABLE,
  history_lost: status(15, 410),
  set_aside: status(15, 500),
  rules_too_new: UNAVAILABLE,
  internal: status(13, 500, 4006),
  // Clients' own.
  connection_lost: UNAVAILABLE,
  token_unavailable: status(16, 401),
  storage_full: status(8, 507),
  closed: status(1, 499),
};
