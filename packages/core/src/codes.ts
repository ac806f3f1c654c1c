/** What a code says to whoever gets it. In which words it is told, and how on each transport, stands in `statuses.ts`. */
export interface CodeInfo {
  /** The same request may succeed later, unchanged. */
  readonly retryable: boolean;
}

const FINAL: CodeInfo = { retryable: false };
const LATER: CodeInfo = { retryable: true };

/** The closed table of codes: every refusal and every loss that anybody is told of has one of these. */
export const CODES = {
  // A record as such.
  invalid_record: FINAL,
  invalid_event: FINAL,
  too_large: FINAL,
  unknown_kind: FINAL,
  // Writers.
  producer_gap: LATER,
  producer_conflict: FINAL,
  producer_expired: FINAL,
  // Lives of a session.
  session_not_found: FINAL,
  already_exists: FINAL,
  session_closed: FINAL,
  session_replaced: FINAL,
  // Who may do what.
  forbidden: FINAL,
  forged_actor: FINAL,
  forbidden_audience: FINAL,
  audience_mismatch: FINAL,
  participant_removed: FINAL,
  // Items.
  not_found: FINAL,
  archived: FINAL,
  removed: FINAL,
  already_decided: FINAL,
  stale_cause: FINAL,
  not_due: FINAL,
  // Presence.
  node_expired: FINAL,
  agent_not_here: FINAL,
  wrong_agent: FINAL,
  // Runs, steps, controls.
  fenced: FINAL,
  cancelled: FINAL,
  attempt_required: FINAL,
  no_agent: FINAL,
  run_ended: FINAL,
  run_not_active: FINAL,
  run_not_suspended: FINAL,
  step_ended: FINAL,
  receipt_out_of_order: FINAL,
  // Messages and parts.
  message_closed: FINAL,
  message_full: FINAL,
  part_closed: FINAL,
  append_gap: FINAL,
  append_conflict: FINAL,
  invalid_patch: FINAL,
  // What holds runs.
  taken_over: FINAL,
  floor_required: FINAL,
  budget_exhausted: FINAL,
  too_many_budgets: FINAL,
  // Documents.
  document_conflict: FINAL,
  documents_full: FINAL,
  too_many_documents: FINAL,
  // Requests.
  request_closed: FINAL,
  invalid_answer: FINAL,
  // Caps of a session's state.
  session_full: FINAL,
  run_full: FINAL,
  pool_full: LATER,
  too_many_participants: FINAL,
  too_many_members: LATER,
  too_many_agents: LATER,
  too_many_messages: LATER,
  too_many_parts: FINAL,
  too_many_annotations: FINAL,
  too_many_runs: LATER,
  too_many_steps: FINAL,
  too_many_requests: LATER,
  too_many_controls: LATER,
  // Connections and frames.
  malformed: FINAL,
  malformed_frame: FINAL,
  unknown_frame: FINAL,
  frame_too_large: FINAL,
  protocol_version: FINAL,
  hello_expected: FINAL,
  unauthenticated: FINAL,
  token_expired: LATER,
  forbidden_session: FINAL,
  forbidden_origin: FINAL,
  invalid_name: FINAL,
  not_attached: FINAL,
  too_many_sessions: FINAL,
  cursor_future: FINAL,
  slow_consumer: LATER,
  idle_timeout: LATER,
  draining: LATER,
  removed_from_session: FINAL,
  // Nodes and the log.
  unavailable: LATER,
  overloaded: LATER,
  catching_up: LATER,
  history_lost: FINAL,
  set_aside: FINAL,
  rules_too_new: LATER,
  internal: LATER,
  // Clients' own.
  connection_lost: LATER,
  token_unavailable: LATER,
  storage_full: LATER,
  closed: FINAL,
} as const satisfies Readonly<Record<string, CodeInfo>>;

/** Name of a refusal or a loss. */
export type Code = keyof typeof CODES;

/** Whether a word is a code of the table. */
export const isCode = (word: string): word is Code => Object.hasOwn(CODES, word);
