import { performance } from "node:perf_hooks";
import { fromHead, type SessionState, toHead } from "@perdure/core";
import { decodeHead, encodeHead } from "@perdure/protocol";
import { median } from "../measure/median.ts";

export interface HeadCost {
  readonly bytes: number;
  /** State -> bytes, as a checkpoint does. */
  readonly writeUs: number;
  /** Bytes -> state, as an attach does. */
  readonly readUs: number;
  readonly messages: number;
}

const rounds = 60;

export function measureHead(state: SessionState): HeadCost {
  const bytes = encodeHead(toHead(state));
  const write = timesUs(() => encodeHead(toHead(state)).length);
  const read = timesUs(() => fromHead(decodeHead(bytes)).messages.size);
  return { bytes: bytes.length, writeUs: median(write), readUs: median(read), messages: state.messages.size };
}

function timesUs(act: () => number): number[] {
  return Array.from({ length: rounds }, () => {
    const startMs = performance.now();
    if (act() === 0) throw new Error("nothing was done");
    return (performance.now() - startMs) * 1_000;
  });
}
