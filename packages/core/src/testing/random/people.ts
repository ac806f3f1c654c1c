import type { EventJson } from "@perdure/protocol";
import { openTakeover } from "../../index.ts";
import { anyBudget, anyDocument, anyTakeover } from "./shared.ts";
import { forAll, nextId, type Turn, write } from "./turn.ts";

/** People, observers and backends: they come and go, speak, ask, answer and signal. */
export function personTurn(turn: Turn): void {
  const { tape } = turn;
  tape.of([join, update, leave, request, answer, signal, speak, speak, speak, share, share, floor])(turn);
}

/** Somebody who has the floor now and then, and minds the budgets. */
export function operatorTurn(turn: Turn): void {
  const { tape, story, pen } = turn;
  const open = openTakeover(story.state);
  if (open?.holder === pen.actor.participant && tape.below(3) === 0) {
    const outcome = tape.of(["TAKEOVER_OUTCOME_HANDED_BACK", "TAKEOVER_OUTCOME_RESOLVED"] as const);
    return write(turn, { takeoverReleased: { takeoverId: open?.id ?? "", outcome, note: tape.line } }, forAll);
  }
  tape.of([join, floor, floor, floor, floor, budget, budget, leave])(turn);
}

const join = (turn: Turn): void => {
  const { participant = "", role = "ROLE_USER" } = turn.pen.actor;
  const member = `m${turn.tape.below(8)}`;
  const incarnation = 2 + turn.tape.below(2);
  write(turn, { memberJoined: { member, participant, role, node: "n1", incarnation } }, forAll);
};

const someMember = ({ story, tape }: Turn): string => tape.mostly(story.state.members.keys(), `m${tape.below(8)}`);

const update = (turn: Turn): void =>
  write(turn, { memberUpdated: { member: someMember(turn), watching: turn.tape.below(2) === 0 } }, forAll);

const leave = (turn: Turn): void => write(turn, { memberLeft: { member: someMember(turn) } }, forAll);

const request = (turn: Turn): void =>
  write(turn, { runRequested: { agent: turn.tape.of(["", "", "planner", "writer"]) } });

const answer = (turn: Turn): void => write(turn, anyAnswer(turn));

const signal = (turn: Turn): void => write(turn, anySignal(turn));

const share = (turn: Turn): void => write(turn, anyDocument(turn));

const floor = (turn: Turn): void => write(turn, anyTakeover(turn), forAll);

const budget = (turn: Turn): void => write(turn, anyBudget(turn), forAll);

function speak(turn: Turn): void {
  const { story, tape } = turn;
  const parentId = tape.mostly(["", ...story.state.messages.keys()], "gone:1:0");
  const messageId = nextId(turn, 0);
  const complete = tape.below(2) === 0;
  write(turn, [
    { messageOpened: { role: "MESSAGE_ROLE_USER", parentId } },
    { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text: tape.text }, complete } },
    ...(tape.below(3) === 0 ? [] : [{ messageClosed: { messageId } }]),
    ...(tape.below(3) === 0 ? [{ runRequested: { inputMessageId: messageId } }] : []),
  ]);
}

export const anyAnswer = ({ story, tape }: Turn): EventJson => ({
  requestAnswered: {
    requestId: tape.mostly(story.state.requests.keys(), "none:1:0"),
    action: tape.of(["ANSWER_ACTION_ACCEPT", "ANSWER_ACTION_DECLINE"]),
    payload: tape.of(['"yes"', '"no"', "{}"]),
  },
});

export function anySignal({ story, tape }: Turn): EventJson {
  const runId = tape.mostly(story.state.runs.keys(), "none:1:0");
  return tape.of<EventJson>([
    { controlCancel: { runId } },
    { controlSteer: { runId, text: tape.text } },
    { controlRedirect: { runId, agent: "writer" } },
    { controlPause: { runId } },
    { controlResume: { runId } },
  ]);
}
