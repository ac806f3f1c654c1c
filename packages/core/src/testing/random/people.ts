import type { EventJson } from "@perdure/protocol";
import { forAll, nextId, type Turn, write } from "./turn.ts";

/** People, observers and backends: they come and go, speak, ask, answer and signal. */
export function personTurn(turn: Turn): void {
  const { tape } = turn;
  tape.of([join, update, leave, request, answer, signal, speak, speak, speak, share])(turn);
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

export function anyDocument({ story, tape }: Turn): EventJson {
  const name = tape.of(["plan", "plan", "board", "form", "list"]);
  const known = [...story.state.documents.values()].filter((document) => document.name === name);
  const baseSeq = tape.of([story.state.seq, known.at(-1)?.changed ?? 0, tape.below(story.state.seq + 2)]);
  const optional = tape.below(2) === 0 ? {} : { baseSeq };
  const patch = tape.of(['[{"op":"add","path":"/b","value":"more"}]', '[{"op":"copy","from":"","path":"/c"}]', "no"]);
  return tape.of<EventJson>([
    { documentReplaced: { name, content: tape.of(["{}", '{"a":[1, 2]}', JSON.stringify(tape.text)]), ...optional } },
    { documentPatched: { name, patch, baseSeq } },
    { documentPatched: { name, patch, baseSeq } },
    { documentRemoved: { name, ...optional } },
  ]);
}
