/** What a code means to those who get it; how each transport says it stands in `statuses.ts`. */
export interface CodeInfo {
  /** What happened and what to do next. */
  readonly meaning: string;
  /** The same request may succeed later, unchanged. */
  readonly retryable: boolean;
}

const told = (meaning: string): CodeInfo => ({ meaning, retryable: false });

const later = (meaning: string): CodeInfo => ({ meaning, retryable: true });

/** The closed table of codes: every refusal and every loss that anybody is told of has one of these. */
export const CODES = {
  // A record as such.
  invalid_record: told("The record is malformed: producer, numbers, actor, audience or number of events."),
  invalid_event: told("A field of an event is missing or has a value that is not allowed."),
  too_large: told("A text is longer than its limit. Send less."),
  unknown_kind: told("The kind of event is not known to this version of the rules."),
  // Writers.
  producer_gap: later("Numbers are missing before this one. Send again from `expected`."),
  producer_conflict: told("The numbers overlap others of this producer, or its id is another participant's."),
  producer_expired: told("The session no longer remembers this producer. Go on under a new producer id."),
  // Lives of a session.
  session_not_found: told("There is no session of this name. Create it first."),
  already_exists: told("It exists already. Send again without creating it, or under another id."),
  session_closed: told("The session is closed. It can be read, not written."),
  session_replaced: told("The name has another life than the one meant. Attach again."),
  // Who may do what.
  forbidden: told("The role of this token may not write this."),
  forged_actor: told("The event speaks for somebody else than its writer."),
  forbidden_audience: told("The audience is above what the writer may see."),
  audience_mismatch: told("The event's audience must fit that of the item it speaks of."),
  participant_removed: told("This participant was removed from the session."),
  // Items.
  not_found: told("There is no such item in the session."),
  archived: told("The item has left the current state for history and can no longer be changed."),
  removed: told("The item was removed."),
  already_decided: told("Somebody was first: see `winner`."),
  stale_cause: told("What this event follows from has changed since, or was recorded already."),
  not_due: told("It is too early for this event."),
  // Presence.
  node_expired: told("This life of the node has been declared over. Join again under a new incarnation."),
  agent_not_here: told("The agent's instance is not in the session. Join first."),
  wrong_agent: told("The run asks for another agent."),
  // Runs, steps, controls.
  fenced: told("The attempt is over: another one began, it was cut off, or its instance is gone."),
  cancelled: told("Somebody asked the run to stop."),
  attempt_required: told("Only the attempt that holds the run may write this."),
  no_agent: told("No agent is named, and the session has no default."),
  run_ended: told("The run has ended."),
  run_not_active: told("The run is not being worked on."),
  run_not_suspended: told("The run does not wait."),
  step_ended: told("The step has ended."),
  receipt_out_of_order: told("The signal has a later receipt already."),
  // Messages and parts.
  message_closed: told("The message is closed."),
  message_full: told("The message has reached its largest size. Go on in a message that continues it."),
  part_closed: told("The part is closed."),
  append_gap: told("The text to append begins beyond the part's end."),
  append_conflict: told("The text to append begins before the part's end."),
  invalid_patch: told("The JSON Patch does not apply to the text."),
  // What holds runs.
  taken_over: told("An operator has the floor. Go on when it is given back."),
  floor_required: told("Only whoever has the floor may write this."),
  budget_exhausted: told("A budget of the session is used up. Go on when it is raised."),
  too_many_budgets: told("The session has as many budgets as it may. Lift one."),
  // Documents.
  document_conflict: told("The document has changed since `baseSeq`. Read it and try again."),
  documents_full: told("The session's documents hold as much as they may."),
  too_many_documents: told("The session has as many documents as it may. Remove one."),
  // Requests.
  request_closed: told("The request expired or was withdrawn."),
  invalid_answer: told("The answer is none of the choices."),
  // Caps of a session's state.
  session_full: told("The session holds as much that is open as it may. Close messages or end runs."),
  run_full: told("The run's input, steps and results have reached their largest size."),
  pool_full: later("The agent's queue is full."),
  too_many_participants: told("The session has as many removed participants as it can remember."),
  too_many_members: later("The session has as many connections as it can list."),
  too_many_agents: later("The session has as many agent processes as it may."),
  too_many_messages: later("The session has as many open messages as it may."),
  too_many_parts: told("The message has as many parts as it may. Go on in a message that continues it."),
  too_many_annotations: told("The part has as many annotations as it may."),
  too_many_runs: later("The session has as many unfinished runs as it may."),
  too_many_steps: told("The run has as many steps as it may."),
  too_many_requests: later("The session has as many unsettled requests as it may."),
  too_many_controls: later("The session has as many unsettled signals as it may."),
  // Connections and frames.
  malformed: told("The bytes are not what they should be."),
  malformed_frame: told("The frame is no JSON of this protocol."),
  unknown_frame: told("The frame's kind is unknown."),
  frame_too_large: told("The frame is larger than `maxFrameBytes`."),
  protocol_version: told("This version of the protocol is not spoken here. Update the client."),
  hello_expected: told("The first frame must be `hello`, and no other one is."),
  unauthenticated: told("The token is missing or not valid."),
  token_expired: later("The token has expired. Get a new one and connect again."),
  forbidden_session: told("The token does not cover this session."),
  forbidden_origin: told("Pages of this origin may not connect here."),
  invalid_name: told("A tenant, session or producer name has characters or a length that are not allowed."),
  not_attached: told("The session is not attached on this connection. Attach first."),
  too_many_sessions: told("The connection has as many sessions attached as it may."),
  cursor_future: told("The cursor is ahead of the session, so that the answer is a snapshot."),
  slow_consumer: later("The connection took its frames too slowly. Connect again and resume."),
  idle_timeout: later("Nothing was heard on the connection for too long."),
  draining: later("The node is about to stop. Connect again."),
  removed_from_session: told("The participant was removed; the session is no longer followed."),
  // Nodes and the log.
  unavailable: later("The service cannot do this now. Try again after the given time."),
  overloaded: later("Too much is asked at once. Try again after the given time."),
  catching_up: later("The node is still reading the log. Try again after the given time."),
  history_lost: told("Records of the session are gone from the log; its state cannot be known."),
  set_aside: told("A record of the session could not be folded. It waits for repair."),
  rules_too_new: later("The session follows newer rules than this node knows. Connect again elsewhere."),
  internal: later("Something went wrong on the server."),
  // Clients' own.
  connection_lost: later("The connection broke before the outcome was known."),
  token_unavailable: later("No token could be had."),
  storage_full: later("This device stores no more: what is on its way is lost where the page ends before it is sent."),
  closed: told("The client was closed."),
} as const satisfies Readonly<Record<string, CodeInfo>>;

/** Name of a refusal or a loss. */
export type Code = keyof typeof CODES;

/** Whether a word is a code of the table. */
export const isCode = (word: string): word is Code => Object.hasOwn(CODES, word);
