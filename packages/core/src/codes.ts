/** What a code means to those who get it; how each transport says it stands in `statuses.ts`. */
export interface CodeInfo {
  /** What happened and what to do next. */
  readonly meaning: string;
  /** The same request may succeed later, unchanged. */
  readonly retryable: boolean;
}

const told = (meaning: string): CodeInfo => ({ meaning, retryable: false });

const later = (meaning: string): CodeInfo => ({ meaning, retryable: true });

/** The code says of what: said once, since browsers load this table. */
const AS_MANY = "There are as many as there may be.";

/** The closed table of codes: every refusal and every loss that anybody is told of has one of these. */
export const CODES = {
  // A record as such.
  invalid_record: told("The record's producer, numbers, actor, audience or events are wrong."),
  invalid_event: told("A field of an event is missing or wrong."),
  too_large: told("A text is too long. Send less."),
  unknown_kind: told("These rules do not know this kind of event."),
  // Writers.
  producer_gap: later("Numbers are missing before this one. Send from `expected`."),
  producer_conflict: told("The numbers overlap, or the producer is another's."),
  producer_expired: told("The session has forgotten this producer. Take another id."),
  // Lives of a session.
  session_not_found: told("There is no such session. Create it first."),
  already_exists: told("It exists already. Take another id."),
  session_closed: told("The session is closed. It can only be read."),
  session_replaced: told("The name has another life by now. Attach again."),
  // Who may do what.
  forbidden: told("The token's role may not write this."),
  forged_actor: told("The event speaks for another than its writer."),
  forbidden_audience: told("The audience is above the writer's."),
  audience_mismatch: told("The event's audience does not fit its item's."),
  participant_removed: told("This participant was removed."),
  // Items.
  not_found: told("The session has no such item."),
  archived: told("The item is history and can no longer be changed."),
  removed: told("The item was removed."),
  already_decided: told("Another was first: see `winner`."),
  stale_cause: told("What it follows from has changed since."),
  not_due: told("It is too early for this event."),
  // Presence.
  node_expired: told("This life of the node is over. Join under a new incarnation."),
  agent_not_here: told("The agent is not in the session. Join first."),
  wrong_agent: told("The run asks for another agent."),
  // Runs, steps, controls.
  fenced: told("The attempt is over."),
  cancelled: told("Somebody asked the run to stop."),
  attempt_required: told("Only the run's attempt may write this."),
  no_agent: told("No agent is named, and there is no default."),
  run_ended: told("The run has ended."),
  run_not_active: told("Nobody works on the run."),
  run_not_suspended: told("The run does not wait."),
  step_ended: told("The step has ended."),
  receipt_out_of_order: told("The signal has a later receipt."),
  // Messages and parts.
  message_closed: told("The message is closed."),
  message_full: told("The message is as large as it may be. Go on in another."),
  part_closed: told("The part is closed."),
  append_gap: told("The text begins beyond the part's end."),
  append_conflict: told("The text begins before the part's end."),
  invalid_patch: told("The JSON Patch does not apply."),
  // What holds runs.
  taken_over: told("An operator has the floor. Go on when it is back."),
  floor_required: told("Only who has the floor may write this."),
  budget_exhausted: told("A budget is used up. Go on when it is raised."),
  too_many_budgets: told(AS_MANY),
  // Documents.
  document_conflict: told("The document has changed since `baseSeq`. Read it again."),
  documents_full: told("The documents are as large as they may be."),
  too_many_documents: told(AS_MANY),
  // Requests.
  request_closed: told("The request expired or was withdrawn."),
  invalid_answer: told("The answer is none of the choices."),
  // Caps of a session's state.
  session_full: told("As much is open as there may be. Close messages or end runs."),
  run_full: told("The run is as large as it may be."),
  pool_full: later("The agent's queue is full."),
  too_many_participants: told(AS_MANY),
  too_many_members: later(AS_MANY),
  too_many_agents: later(AS_MANY),
  too_many_messages: later(AS_MANY),
  too_many_parts: told(AS_MANY),
  too_many_annotations: told(AS_MANY),
  too_many_runs: later(AS_MANY),
  too_many_steps: told(AS_MANY),
  too_many_requests: later(AS_MANY),
  too_many_controls: later(AS_MANY),
  // Connections and frames.
  malformed: told("The bytes are not what they should be."),
  malformed_frame: told("The frame is no JSON of this protocol."),
  unknown_frame: told("The frame's kind is unknown."),
  frame_too_large: told("The frame is larger than `maxFrameBytes`."),
  protocol_version: told("This version is not spoken here. Update the client."),
  hello_expected: told("The first frame must be `hello`, and no other."),
  unauthenticated: told("The token is missing or not valid."),
  token_expired: later("The token has expired. Connect again with a new one."),
  forbidden_session: told("The token does not cover this session."),
  forbidden_origin: told("Pages of this origin may not connect."),
  invalid_name: told("The name has characters or a length that it may not."),
  not_attached: told("The session is not attached. Attach first."),
  too_many_sessions: told(AS_MANY),
  cursor_future: told("The cursor is ahead of the session."),
  slow_consumer: later("The frames were taken too slowly. Connect again."),
  idle_timeout: later("Nothing was heard for too long."),
  draining: later("The node is about to stop. Connect again."),
  removed_from_session: told("This participant was removed."),
  // Nodes and the log.
  unavailable: later("This cannot be done now. Try again after the given time."),
  overloaded: later("Too much is asked at once. Try again after the given time."),
  catching_up: later("The log is still being read. Try again after the given time."),
  history_lost: told("Records of the session are gone."),
  set_aside: told("A record of the session waits for repair."),
  rules_too_new: later("The session follows newer rules. Connect again elsewhere."),
  internal: later("Something went wrong on the server."),
  // Clients' own.
  connection_lost: later("The connection broke before the outcome was known."),
  token_unavailable: later("No token could be had."),
  storage_full: later("This device stores no more: what is not sent is lost with the page."),
  closed: told("The client was closed."),
} as const satisfies Readonly<Record<string, CodeInfo>>;

/** Name of a refusal or a loss. */
export type Code = keyof typeof CODES;

/** Whether a word is a code of the table. */
export const isCode = (word: string): word is Code => Object.hasOwn(CODES, word);
