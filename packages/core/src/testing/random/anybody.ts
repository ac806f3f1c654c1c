import type { EventJson } from "@perdure/protocol";
import { anyAnswer, anySignal } from "./people.ts";
import { anyBudget, anyDocument, anyTakeover } from "./shared.ts";
import { type Turn, write } from "./turn.ts";

/** Anybody writes anything, in records of several events, under an attempt that may be somebody else's. */
export function anyTurn(turn: Turn): void {
  const { story, tape } = turn;
  const attempt = Number(tape.mostly([...story.state.attempts.keys()].map(String), "3"));
  const events = Array.from({ length: 1 + tape.below(3) }, () => anyEvent(turn));
  write(turn, events, { attempt: tape.of([0, 0, attempt]) });
}

export function anyEvent(turn: Turn): EventJson {
  const { story, tape } = turn;
  const { state } = story;
  const messageId = tape.mostly(state.messages.keys(), "none:1:0");
  const partId = tape.mostly(state.parts.keys(), "none:1:1");
  const participant = `p${tape.below(25)}`;
  const parentId = state.messages.get(messageId)?.parentId ?? "";
  return tape.of<EventJson>([
    { sessionUpdated: { title: tape.line, tags: { values: ["a"] } } },
    { participantInvited: { participant, role: "ROLE_USER", name: "P" } },
    { participantRemoved: { participant } },
    { messageRemoved: { messageId } },
    { messageUpdated: { messageId, metadata: tape.text } },
    { messageClosed: { messageId } },
    { messageOpened: { role: "MESSAGE_ROLE_OPERATOR", editOf: messageId, parentId } },
    { partAnnotated: { partId, annotation: { kind: "rating" } } },
    { requestWithdrawn: { requestId: tape.mostly(state.requests.keys(), "x") } },
    { runRequested: { agent: "planner" } },
    { transient: { kind: "typing" } },
    { sessionCreated: {} },
    tape.below(40) === 0 ? { sessionClosed: {} } : {},
    anyAnswer(turn),
    anyDocument(turn),
    anyTakeover(turn),
    anyBudget(turn),
    anySignal(turn),
  ]);
}
