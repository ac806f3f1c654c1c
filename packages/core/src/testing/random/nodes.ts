import type { AudienceJson, EventJson } from "@perdure/protocol";
import { dues } from "../../index.ts";
import { type Turn, write } from "./turn.ts";

/** A node: writes what is due, or some derived event that may be stale or early. */
export function nodeTurn(turn: Turn): void {
  const { story, tape } = turn;
  const owed = dues(story.state);
  const due = owed[tape.below(owed.length)];
  if (due !== undefined && tape.below(2) === 0) {
    return write(turn, due.events, { cause: { seq: due.causeSeq }, audience: due.audience });
  }
  const { seq } = story.state;
  const cause = { seq: tape.below(8) === 0 ? tape.below(seq + 3) : seq };
  const [event, audience] = tape.of([
    onAgent,
    onAgent,
    onRun,
    onRequest,
    onSignal,
    onNode,
    onPool,
    onPool,
    onFloor,
    onBudget,
  ])(turn);
  return write(turn, event, { cause, audience });
}

type Derived = readonly [EventJson, AudienceJson];

function onAgent({ story, tape }: Turn): Derived {
  const agent = story.state.agents.get(tape.mostly(story.state.agents.keys(), "none"));
  const { instance = "none", attachment = "s" } = agent ?? {};
  const lost: EventJson = { agentLost: { instance, attachment, reason: "LOST_REASON_STREAM" } };
  return [tape.of([lost, { agentCrashed: { instance } }]), "AUDIENCE_ALL"];
}

function onRun({ story, tape }: Turn): Derived {
  const run = story.state.runs.get(tape.mostly(story.state.runs.keys(), "none"));
  const { id: runId = "none", instance = "", audience = "AUDIENCE_ALL" } = run ?? {};
  return [{ runOrphaned: { runId, instance } }, audience];
}

function onRequest({ story, tape }: Turn): Derived {
  const request = story.state.requests.get(tape.mostly(story.state.requests.keys(), "none"));
  return [{ requestExpired: { requestId: request?.id ?? "none" } }, request?.audience ?? "AUDIENCE_ALL"];
}

function onSignal({ story, tape }: Turn): Derived {
  const signal = story.state.controls.get(tape.mostly(story.state.controls.keys(), "none"));
  const { id: controlId = "", runId = "none" } = signal ?? {};
  const audience = story.state.runs.get(runId)?.audience ?? "AUDIENCE_ALL";
  return [{ runCancelled: { runId, controlId, cutOff: true } }, audience];
}

function onNode({ story, tape }: Turn): Derived {
  const member = tape.mostly(story.state.members.keys(), "none");
  const expired: EventJson = { nodeExpired: { node: tape.of(["n1", "n2"]), incarnation: tape.below(4) } };
  const node = tape.of(["n1", "n2", "n3"]);
  const observersCounted = { node, incarnation: tape.below(4), count: tape.below(3) };
  const left: EventJson = { memberLeft: { member } };
  return [tape.of([expired, left, left, { observersCounted }]), "AUDIENCE_ALL"];
}

function onPool({ story, tape }: Turn): Derived {
  const instance = tape.mostly(story.state.agents.keys(), "none");
  const run = { session: "other", epoch: "7", runSeq: 1 + tape.below(6), runId: "w:1:0" };
  const event = tape.of<EventJson>([
    { poolQueued: { run } },
    { poolQueued: { run } },
    { poolOffered: { run, instance } },
    { poolTaken: { run, instance } },
    { poolReturned: { run, instance } },
    { poolFreed: { run, instance: tape.of(["", instance]) } },
  ]);
  return [event, "AUDIENCE_ALL"];
}

function onFloor({ story, tape }: Turn): Derived {
  const takeoverId = tape.mostly(story.state.takeovers.keys(), "none");
  const released: EventJson = { takeoverReleased: { takeoverId, outcome: "TAKEOVER_OUTCOME_ABANDONED" } };
  return [tape.of([{ takeoverExpired: { takeoverId } }, released]), "AUDIENCE_ALL"];
}

function onBudget({ story, tape }: Turn): Derived {
  const currency = tape.mostly(story.state.budgets.keys(), "EUR");
  const spent = currency === "" ? { spentTokens: "7" } : { spentMicros: "12" };
  return [
    tape.of([{ budgetWarned: { currency, ...spent } }, { budgetExhausted: { currency, ...spent } }]),
    "AUDIENCE_ALL",
  ];
}
