import type { SessionState } from "../index.ts";

/** Sizes of every collection, and the cap of each. */
function sizes(state: SessionState): readonly (readonly [string, number, number])[] {
  const messages = [...state.messages.values()];
  const runs = [...state.runs.values()];
  const parts = [...state.parts.values()];
  const { ledger, limits } = state;
  return [
    ["producers", ledger.producers.size, limits.producers],
    ["refusals", ledger.refusals, limits.refusals],
    ["participants", state.participants.size, limits.participants],
    ["members", state.members.size, limits.members],
    ["nodes with observers", state.observers.size, limits.observerNodes],
    ["agents", state.agents.size, limits.agents],
    ["open messages", messages.filter(({ closed }) => !closed).length, limits.openMessages],
    ["parts", Math.max(0, ...messages.map((message) => message.parts.length)), limits.partsPerMessage],
    ["annotations", Math.max(0, ...parts.map(({ annotations }) => annotations.length)), limits.annotationsPerPart],
    ["runs", runs.filter(({ settled }) => !settled).length, limits.unfinishedRuns],
    ["steps", Math.max(0, ...runs.map(({ steps }) => steps.length)), limits.stepsPerRun],
    ["requests", [...state.requests.values()].filter(({ settled }) => !settled).length, limits.unsettledRequests],
    ["controls", [...state.controls.values()].filter(({ settled }) => !settled).length, limits.unsettledControls],
    ["takeovers", [...state.takeovers.values()].filter(({ settled }) => !settled).length, 2],
    ["budgets", state.budgets.size, limits.budgets],
    ["documents", state.documents.size, limits.documents],
    [
      "document",
      Math.max(0, ...[...state.documents.values()].map(({ content }) => content.length)),
      limits.documentBytes,
    ],
    ["documents' weight", state.documentWeight, limits.documentsBytes],
    ["pool", state.pool.size, limits.poolQueue],
    ["response ids", state.responseIds.size, limits.usageResponseIds],
    ["tombstones", state.tombstones.size, limits.tombstones],
    ["expired nodes", state.expiredNodes.size, limits.expiredNodes],
    ["held", state.heldWeight, limits.heldBytes],
    ["settled", state.settledWeight, limits.settledBytes],
  ];
}

/** The collections that hold more than they may, each as `name size > cap`. */
export const beyondCaps = (state: SessionState): readonly string[] =>
  sizes(state).flatMap(([name, size, cap]) => (size > cap ? [`${name} ${size} > ${cap}`] : []));
