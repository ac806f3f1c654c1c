import type { Limits } from "../../index.ts";
import { type Pen, Story } from "../story.ts";
import { agentTurn } from "./agents.ts";
import { anyEvent, anyTurn } from "./anybody.ts";
import { nodeTurn } from "./nodes.ts";
import { operatorTurn, personTurn } from "./people.ts";
import { Tape } from "./tape.ts";
import type { Turn } from "./turn.ts";

/** Small caps, so that a short session meets them all. */
export const smallLimits: Partial<Limits> = {
  producers: 8,
  producerWindow: 16,
  refusals: 24,
  participants: 20,
  removedParticipants: 3,
  members: 6,
  listedMembers: 4,
  observerNodes: 2,
  agents: 6,
  openMessages: 5,
  partsPerMessage: 4,
  annotationsPerPart: 2,
  unfinishedRuns: 5,
  stepsPerRun: 6,
  unsettledRequests: 4,
  unsettledControls: 4,
  documents: 3,
  budgets: 2,
  documentBytes: 600,
  documentsBytes: 2400,
  poolQueue: 4,
  usageTotals: 3,
  usageResponseIds: 4,
  tombstones: 10,
  expiredNodes: 3,
  messageBytes: 3000,
  runBytes: 3000,
  heldBytes: 12_000,
  settledBytes: 5000,
  settledKeptBytes: 2500,
  pageBytes: 2500,
  takeoverGraceMs: 5000,
};

/** Writes a session as the choices say: mostly sensible, often at the wrong time, sometimes nonsense. */
export function randomStory(choices: readonly number[], limits: Partial<Limits> = smallLimits): Story {
  const tape = new Tape(choices);
  const story = new Story(limits);
  const people = [
    story.pen("ann", "ROLE_USER"),
    story.pen("bea", "ROLE_USER"),
    story.pen("op", "ROLE_OPERATOR"),
    story.pen("oz", "ROLE_OPERATOR"),
    story.pen("eve", "ROLE_OBSERVER"),
    story.pen("svc", "ROLE_SERVICE"),
  ];
  const agents = [
    story.pen("bot", "ROLE_AGENT", { producer: "bot1", instance: "i1" }),
    story.pen("bot", "ROLE_AGENT", { producer: "bot2", instance: "i2" }),
  ];
  const node = story.pen("node-1", "ROLE_SYSTEM");
  const creator = people[0] ?? node;
  story.write(creator, { sessionCreated: { title: "t", policy: { defaultAgent: "planner" } } });
  while (!tape.isAtEnd) {
    // Also backwards, which the fold must not follow.
    story.timeMs += tape.of([1, 1, 5, 5, 5, 20, 20, 500, 2000, 2000, 11_000, -3000]);
    takeTurn(story, tape, { people, agents, node });
  }
  return story;
}

interface Cast {
  readonly people: readonly Pen[];
  readonly agents: readonly Pen[];
  readonly node: Pen;
}

function takeTurn(story: Story, tape: Tape, { people, agents, node }: Cast): void {
  const as = (pen: Pen): Turn => ({ story, tape, pen });
  const all = [...people, ...agents, node];
  const turn = tape.below(36);
  if (turn === 0) resend(story, tape);
  else if (turn === 1) misnumber(as(tape.of(all)));
  else if (turn < 8) personTurn(as(tape.of(people)));
  else if (turn < 11) nodeTurn(as(node));
  else if (turn < 13) anyTurn(as(tape.of(all)));
  else if (turn < 17) operatorTurn(as(tape.of(people.slice(2, 4))));
  else agentTurn(as(tape.of(agents)));
}

function resend(story: Story, tape: Tape): void {
  const entry = story.log[story.log.length - 1 - tape.below(Math.min(story.log.length, 30))];
  if (entry !== undefined) story.put(entry.record);
}

function misnumber(turn: Turn): void {
  const { story, tape, pen } = turn;
  const first = Math.max(0, pen.number + tape.of([-3, 0, 2, 5]));
  story.send(pen, anyEvent(turn), { first, last: first + tape.of([0, 0, 1]) });
}
