import type { HeadJson, LedgerJson, ProducerStateJson, UsageStateJson } from "@perdure/protocol";
import {
  agentJson,
  budgetJson,
  controlJson,
  documentJson,
  infoJson,
  memberJson,
  messageJson,
  observerCountJson,
  participantJson,
  partJson,
  poolRunJson,
  requestJson,
  runJson,
  takeoverJson,
  usageJson,
} from "./head-items.ts";
import { int64, sparse } from "./sparse.ts";
import type { Producer, FollowedState } from "./state.ts";

/** The whole state in the schema's JSON, with the ledger: what a keeper writes. `fromHead` makes an equal state of it. */
export function toHead(state: FollowedState): HeadJson {
  const { epoch, seq, rules, shedSeq, nextPage } = state;
  const live = epoch === undefined ? {} : { epoch: String(epoch), info: infoJson(state.info) };
  const pool = state.pool.size === 0 ? {} : { pool: { queue: [...state.pool.values()].map(poolRunJson) } };
  return sparse({
    ...live,
    covered: int64(state.covered),
    seq,
    timeMs: int64(state.timeMs),
    rules,
    ledger: ledgerJson(state),
    participants: [...state.participants.values()].map(participantJson),
    members: [...state.members.values()].map(memberJson),
    observerCounts: [...state.observers.values()].map(observerCountJson),
    agents: [...state.agents.values()].map(agentJson),
    messages: [...state.messages.values()].map((message) => messageJson(message, message.parts.map(partJson))),
    runs: [...state.runs.values()].map((run) => runJson(run, run.steps)),
    controls: [...state.controls.values()].map(controlJson),
    requests: [...state.requests.values()].map(requestJson),
    takeovers: [...state.takeovers.values()].map(takeoverJson),
    budgets: [...state.budgets.values()].map(budgetJson),
    documents: [...state.documents.values()].map(documentJson),
    ...pool,
    ...usageStateJson(state),
    tombstones: [...state.tombstones.values()],
    shedSeq,
    nextPage,
    expiredNodes: [...state.expiredNodes].map(([node, incarnation]) => sparse({ node, incarnation })),
  });
}

const ledgerJson = ({ ledger }: FollowedState): LedgerJson =>
  sparse({ producers: [...ledger.producers.values()].map(producerJson), floor: ledger.floor });

const producerJson = ({ participant, id, last, seq, refused }: Producer): ProducerStateJson =>
  sparse({
    key: `${participant}/${id}`,
    last,
    seq,
    refused: refused.map((range) => ({ number: range.first, last: range.last, code: range.code })),
  });

function usageStateJson(state: FollowedState): { usage?: UsageStateJson } {
  if (state.usage.size === 0) return {};
  return { usage: sparse({ totals: [...state.usage.values()].map(usageJson), responseIds: [...state.responseIds] }) };
}
