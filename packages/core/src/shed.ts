import type { PageJson } from "@perdure/protocol";
import { forgetMessage } from "./apply/messages.ts";
import { controlJson, messageJson, partJson, requestJson, runJson, takeoverJson } from "./head-items.ts";
import { int64, sparse } from "./sparse.ts";
import type { Control, Message, Part, Request, Run, SessionState, Takeover } from "./state.ts";
import { unweigh } from "./weight.ts";

/*
 * Shedding: when what is settled weighs too much, the oldest of it leaves the state for pages. It is a part of the
 * fold, so that it depends on the log alone and not on when a checkpoint is made.
 */

type Settled =
  | { readonly kind: "message"; readonly item: Message }
  | { readonly kind: "run"; readonly item: Run }
  | { readonly kind: "request"; readonly item: Request }
  | { readonly kind: "control"; readonly item: Control }
  | { readonly kind: "takeover"; readonly item: Takeover };

/** Takes out what has to leave now, most often nothing, and gives it back as pages. */
export function shed(state: SessionState): readonly PageJson[] {
  const { settledBytes, settledKeptBytes, pageBytes } = state.limits;
  if (state.settledWeight <= settledBytes) return [];
  const leaving: Settled[] = [];
  for (const settled of oldestFirst(state)) {
    if (state.settledWeight <= settledKeptBytes) break;
    forget(state, settled);
    leaving.push(settled);
  }
  const pages = batchesOf(leaving, pageBytes).flatMap((batch) => pagesOf(batch, pageBytes));
  const first = state.nextPage;
  state.nextPage += pages.length;
  const epoch = int64(state.epoch ?? 0);
  return pages.map((page, index) => sparse({ ...page, epoch, number: first + index }));
}

const bornAt = (settled: Settled): number => {
  if (settled.kind === "run") return settled.item.requested;
  return settled.kind === "control" ? settled.item.seq : settled.item.opened;
};

function oldestFirst(state: SessionState): readonly Settled[] {
  const all: Settled[] = [];
  for (const item of state.messages.values()) if (item.settled) all.push({ kind: "message", item });
  for (const item of state.runs.values()) if (item.settled) all.push({ kind: "run", item });
  for (const item of state.requests.values()) if (item.settled) all.push({ kind: "request", item });
  for (const item of state.controls.values()) if (item.settled) all.push({ kind: "control", item });
  for (const item of state.takeovers.values()) if (item.settled) all.push({ kind: "takeover", item });
  return all.toSorted((one, other) => bornAt(one) - bornAt(other));
}

/** Every seq at which the item changed last, in whole or in part. */
function changesOf({ kind, item }: Settled): readonly number[] {
  if (kind === "message") return [item.changed, ...item.parts.map(({ changed }) => changed)];
  return kind === "run" ? [item.changed, ...item.steps.map(({ changed }) => changed)] : [item.changed];
}

function forget(state: SessionState, settled: Settled): void {
  const { kind, item } = settled;
  state.shedSeq = Math.max(state.shedSeq, ...changesOf(settled));
  if (kind === "message") return forgetMessage(state, item);
  unweigh(state, item);
  if (kind === "run") for (const step of item.steps) state.steps.delete(step.id);
  const home = { run: state.runs, request: state.requests, control: state.controls, takeover: state.takeovers }[kind];
  home.delete(item.id);
}

/** Splits what leaves into pages' worth. */
function batchesOf(leaving: readonly Settled[], pageBytes: number): readonly (readonly Settled[])[] {
  const batches: Settled[][] = [];
  let room = 0;
  for (const settled of leaving) {
    const batch = batches.at(-1);
    if (batch === undefined || settled.item.weight > room) {
      batches.push([settled]);
      room = pageBytes - settled.item.weight;
    } else {
      batch.push(settled);
      room -= settled.item.weight;
    }
  }
  return batches;
}

/** One page, unless it is a message that is larger than a page: that is split by part. */
function pagesOf(batch: readonly Settled[], pageBytes: number): readonly PageJson[] {
  const [only] = batch;
  if (only?.kind === "message" && only.item.weight > pageBytes) return piecesOf(only.item, pageBytes);
  const changes = batch.flatMap(changesOf);
  return [
    sparse({
      firstSeq: Math.min(...changes),
      lastSeq: Math.max(...changes),
      messages: batch.flatMap(({ kind, item }) => (kind === "message" ? wholeMessage(item, item.parts) : [])),
      runs: batch.flatMap(({ kind, item }) => (kind === "run" ? runJson(item, item.steps) : [])),
      requests: batch.flatMap(({ kind, item }) => (kind === "request" ? requestJson(item) : [])),
      controls: batch.flatMap(({ kind, item }) => (kind === "control" ? controlJson(item) : [])),
      takeovers: batch.flatMap(({ kind, item }) => (kind === "takeover" ? takeoverJson(item) : [])),
    }),
  ];
}

const wholeMessage = (message: Message, parts: readonly Part[]) => messageJson(message, parts.map(partJson));

function piecesOf(message: Message, pageBytes: number): readonly PageJson[] {
  const pieces: Part[][] = [[]];
  let room = pageBytes;
  for (const part of message.parts) {
    if (part.weight > room && pieces.at(-1)?.length !== 0) {
      pieces.push([]);
      room = pageBytes;
    }
    pieces.at(-1)?.push(part);
    room -= part.weight;
  }
  const changes = changesOf({ kind: "message", item: message });
  return pieces.map((parts, index) => ({
    firstSeq: Math.min(...changes),
    lastSeq: Math.max(...changes),
    messages: [wholeMessage(message, parts)],
    piece: index + 1,
    pieces: pieces.length,
  }));
}
