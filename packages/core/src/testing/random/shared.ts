import type { EventJson } from "@perdure/protocol";
import type { Turn } from "./turn.ts";

/* What a session has once: documents, the floor, budgets. */

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

export function anyTakeover({ story, tape }: Turn): EventJson {
  const takeoverId = tape.mostly(story.state.takeovers.keys(), "none:1:0");
  const request = { reason: "angry", summary: tape.text.slice(0, 400), expiresInMs: tape.of([0, 3000]) };
  const outcome = tape.of([
    "TAKEOVER_OUTCOME_HANDED_BACK",
    "TAKEOVER_OUTCOME_HANDED_BACK",
    "TAKEOVER_OUTCOME_RESOLVED",
    "TAKEOVER_OUTCOME_ABANDONED",
  ] as const);
  return tape.of<EventJson>([
    { takeoverRequested: request },
    { takeoverClaimed: tape.of([{}, { takeoverId }]) },
    { takeoverTransferred: { takeoverId, to: tape.of(["op", "oz", "ann"]), note: tape.line } },
    { takeoverReleased: { takeoverId, outcome, note: tape.line } },
    { takeoverReleased: { takeoverId, outcome, note: tape.line } },
    { takeoverWithdrawn: { takeoverId } },
  ]);
}

export function anyBudget({ tape }: Turn): EventJson {
  const currency = tape.of(["USD", "USD", "", "EUR"]);
  const limit = tape.of(["1", "30", "90", "5000", "9000"]);
  const amount = currency === "" ? { limitTokens: limit } : { limitMicros: limit };
  return tape.of<EventJson>([
    { budgetSet: { currency, ...amount, warnAt: tape.of([0, 500, 1000]) } },
    { budgetSet: { currency, ...amount, warnAt: tape.of([0, 500, 1001]) } },
    { budgetLifted: { currency } },
  ]);
}
