/** What a code means to those who get it, and how each transport says it. */
export interface CodeInfo {
  /** What happened and what to do next. */
  readonly meaning: string;
  /** The same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** Close code of a WebSocket that ends for this; 0: it is told in a frame. 4000-4499: reconnect; 4500-4999: do not. */
  readonly webSocketClose: number;
  /** https://grpc.io/docs/guides/status-codes */
  readonly grpcStatus: number;
  readonly httpStatus: number;
}

const told = (meaning: string, grpcStatus: number, httpStatus: number): CodeInfo => ({
  meaning,
  retryable: false,
  webSocketClose: 0,
  grpcStatus,
  httpStatus,
});

const later = (meaning: string, grpcStatus = 14, httpStatus = 503, webSocketClose = 0): CodeInfo => ({
  meaning,
  retryable: true,
  webSocketClose,
  grpcStatus,
  httpStatus,
});

const final = (meaning: string, webSocketClose: number, grpcStatus: number, httpStatus: number): CodeInfo => ({
  meaning,
  retryable: false,
  webSocketClose,
  grpcStatus,
  httpStatus,
});

/** The closed table of codes: every refusal and every loss that anybody is told of has one of these. */
export const CODES = {
  // A record as such.
  invalid_record: told("The record is malformed: producer, numbers, actor, audience or number of events.", 3, 400),
  invalid_event: told("A field of an event is missing or has a value that is not allowed.", 3, 400),
  too_large: told("A text is longer than its limit. Send less.", 3, 413),
  unknown_kind: told("The kind of event is not known to this version of the rules.", 12, 400),
  // Writers.
  producer_gap: {
    ...told("Numbers are missing before this one. Send again from `expected`.", 9, 409),
    retryable: true,
  },
  producer_conflict: told("The numbers overlap others of this producer, or its id is another participant's.", 10, 409),
  producer_expired: told("The session no longer remembers this producer. Go on under a new producer id.", 10, 409),
  // Lives of a session.
  session_not_found: told("There is no session of this name. Create it first.", 5, 404),
  already_exists: told("It exists already. Send again without creating it, or under another id.", 6, 409),
  session_closed: told("The session is closed. It can be read, not written.", 9, 409),
  session_replaced: told("The name has another life than the one meant. Attach again.", 9, 409),
  // Who may do what.
  forbidden: told("The role of this token may not write this.", 7, 403),
  forged_actor: told("The event speaks for somebody else than its writer.", 7, 403),
  forbidden_audience: told("The audience is above what the writer may see.", 7, 403),
  audience_mismatch: told("The event's audience must fit that of the item it speaks of.", 3, 400),
  participant_removed: told("This participant was removed from the session.", 7, 403),
  // Items.
  not_found: told("There is no such item in the session.", 5, 404),
  archived: told("The item has left the current state for history and can no longer be changed.", 9, 409),
  removed: told("The item was removed.", 9, 410),
  already_decided: told("Somebody was first: see `winner`.", 9, 409),
  stale_cause: told("What this event follows from has changed since, or was recorded already.", 9, 409),
  not_due: told("It is too early for this event.", 9, 409),
  // Presence.
  node_expired: told("This life of the node has been declared over. Join again under a new incarnation.", 9, 409),
  agent_not_here: told("The agent's instance is not in the session. Join first.", 9, 409),
  wrong_agent: told("The run asks for another agent.", 9, 409),
  // Runs, steps, controls.
  fenced: told("The attempt is over: another one began, it was cut off, or its instance is gone.", 9, 409),
  cancelled: told("Somebody asked the run to stop.", 1, 499),
  attempt_required: told("Only the attempt that holds the run may write this.", 9, 409),
  no_agent: told("No agent is named, and the session has no default.", 9, 400),
  run_ended: told("The run has ended.", 9, 409),
  run_not_active: told("The run is not being worked on.", 9, 409),
  run_not_suspended: told("The run does not wait.", 9, 409),
  step_ended: told("The step has ended.", 9, 409),
  receipt_out_of_order: told("The signal has a later receipt already.", 9, 409),
  // Messages and parts.
  message_closed: told("The message is closed.", 9, 409),
  message_full: told("The message has reached its largest size. Go on in a message that continues it.", 8, 413),
  part_closed: told("The part is closed.", 9, 409),
  append_gap: told("The text to append begins beyond the part's end.", 9, 409),
  append_conflict: told("The text to append begins before the part's end.", 9, 409),
  invalid_patch: told("The JSON Patch does not apply to the text.", 3, 400),
  // What holds runs.
  taken_over: told("An operator has the floor. Go on when it is given back.", 9, 409),
  floor_required: told("Only whoever has the floor may write this.", 9, 409),
  budget_exhausted: told("A budget of the session is used up. Go on when it is raised.", 9, 402),
  too_many_budgets: told("The session has as many budgets as it may. Lift one.", 8, 429),
  // Documents.
  document_conflict: told("The document has changed since `baseSeq`. Read it and try again.", 10, 409),
  documents_full: told("The session's documents hold as much as they may.", 8, 413),
  too_many_documents: told("The session has as many documents as it may. Remove one.", 8, 429),
  // Requests.
  request_closed: told("The request expired or was withdrawn.", 9, 409),
  invalid_answer: told("The answer is none of the choices.", 3, 400),
  // Caps of a session's state.
  session_full: told("The session holds as much that is open as it may. Close messages or end runs.", 8, 413),
  run_full: told("The run's input, steps and results have reached their largest size.", 8, 413),
  pool_full: later("The agent's queue is full.", 8, 429),
  too_many_participants: told("The session has as many removed participants as it can remember.", 8, 429),
  too_many_members: later("The session has as many connections as it can list.", 8, 429),
  too_many_agents: later("The session has as many agent processes as it may.", 8, 429),
  too_many_messages: later("The session has as many open messages as it may.", 8, 429),
  too_many_parts: told("The message has as many parts as it may. Go on in a message that continues it.", 8, 429),
  too_many_annotations: told("The part has as many annotations as it may.", 8, 429),
  too_many_runs: later("The session has as many unfinished runs as it may.", 8, 429),
  too_many_steps: told("The run has as many steps as it may.", 8, 429),
  too_many_requests: later("The session has as many unsettled requests as it may.", 8, 429),
  too_many_controls: later("The session has as many unsettled signals as it may.", 8, 429),
  // Connections and frames.
  malformed: told("The bytes are not what they should be.", 3, 400),
  malformed_frame: final("The frame is no JSON of this protocol.", 4500, 3, 400),
  unknown_frame: final("The frame's kind is unknown.", 4501, 3, 400),
  frame_too_large: final("The frame is larger than `maxFrameBytes`.", 4502, 8, 413),
  protocol_version: final("This version of the protocol is not spoken here. Update the client.", 4503, 9, 400),
  hello_expected: final("The first frame must be `hello`, within its time.", 4504, 9, 400),
  unauthenticated: final("The token is missing or not valid.", 4505, 16, 401),
  token_expired: later("The token has expired. Get a new one and connect again.", 16, 401, 4001),
  forbidden_session: told("The token does not cover this session.", 7, 403),
  forbidden_origin: final("Pages of this origin may not connect here.", 4506, 7, 403),
  invalid_name: told("A tenant, session or producer name has characters or a length that are not allowed.", 3, 400),
  not_attached: told("The session is not attached on this connection. Attach first.", 9, 409),
  too_many_sessions: told("The connection has as many sessions attached as it may.", 8, 429),
  cursor_future: told("The cursor is ahead of the session, so that the answer is a snapshot.", 11, 409),
  slow_consumer: later("The connection took its frames too slowly. Connect again and resume.", 8, 429, 4002),
  idle_timeout: later("Nothing was heard on the connection for too long.", 14, 408),
  draining: later("The node is about to stop. Connect again.", 14, 503, 4004),
  removed_from_session: told("The participant was removed; the session is no longer followed.", 7, 403),
  // Nodes and the log.
  unavailable: later("The service cannot do this now. Try again after the given time."),
  overloaded: later("Too much is asked at once. Try again after the given time.", 8, 429, 4005),
  catching_up: later("The node is still reading the log. Try again after the given time."),
  history_lost: told("Records of the session are gone from the log; its state cannot be known.", 15, 410),
  set_aside: told("A record of the session could not be folded. It waits for repair.", 15, 500),
  rules_too_new: later("The session follows newer rules than this node knows. Connect again elsewhere."),
  internal: later("Something went wrong on the server.", 13, 500, 4006),
  // Clients' own.
  connection_lost: later("The connection broke before the outcome was known."),
  token_unavailable: later("No token could be had.", 16, 401),
  closed: told("The client was closed.", 1, 499),
} as const satisfies Readonly<Record<string, CodeInfo>>;

/** Name of a refusal or a loss. */
export type Code = keyof typeof CODES;

/** Whether a word is a code of the table. */
export const isCode = (word: string): word is Code => Object.hasOwn(CODES, word);
