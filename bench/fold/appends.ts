import { performance } from "node:perf_hooks";
import { fold, fromHead, type SessionState, toHead } from "@perdure/core";
import { decodeRecord } from "@perdure/protocol";
import { median } from "../measure/median.ts";
import { tokenText, type Written, type WrittenSession } from "../session/written-session.ts";

export interface AppendCost {
  /** Each byte looked at once, and the text added to a string. */
  readonly floorNs: number;
  readonly decodeNs: number;
  readonly foldNs: number;
}

const rounds = 40;
const tokensPerRound = 1_000;

/** What a token costs in each of the sessions; they take turns, so that a slow moment of the machine is everybody's. */
export function measureAppends(sessions: readonly WrittenSession[]): AppendCost[] {
  const costs = sessions.map(() => ({ floorNs: [] as number[], decodeNs: [] as number[], foldNs: [] as number[] }));
  const states = sessions.map(({ state }) => fromHead(toHead(state)));
  const written = sessions.map(writeTokens);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, all] of written.entries()) {
      const records = all.slice(round * tokensPerRound, (round + 1) * tokensPerRound);
      const [cost, state] = [costs[index], states[index]];
      if (cost === undefined || state === undefined) continue;
      cost.floorNs.push(perRecordNs(records, readBytes()));
      cost.decodeNs.push(perRecordNs(records, ({ value }) => decodeRecord(value).first ?? 0));
      cost.foldNs.push(perRecordNs(records, foldInto(state)));
    }
  }
  return costs.map(({ floorNs, decodeNs, foldNs }) => ({
    floorNs: median(floorNs),
    decodeNs: median(decodeNs),
    foldNs: median(foldNs),
  }));
}

/** The tokens of all rounds, in one stretch of bytes, as a fetch brings them; made before anything is measured. */
function writeTokens(session: WrittenSession): Written[] {
  const records = Array.from({ length: rounds * tokensPerRound }, (_, index) => session.token(tokenText(index)));
  const bytes = Buffer.concat(records.map(({ value }) => value));
  let end = 0;
  return records.map(({ value: { length }, offset }) => {
    const start = end;
    end += length;
    return { value: bytes.subarray(start, end), offset };
  });
}

/** `act` returns something that is summed up, so that none of it is optimised away. */
function perRecordNs(records: readonly Written[], act: (record: Written) => number): number {
  let sum = 0;
  const startMs = performance.now();
  for (const record of records) sum += act(record);
  const tookMs = performance.now() - startMs;
  if (!(sum > 0)) throw new Error("nothing was done");
  return (tookMs * 1e6) / records.length;
}

function readBytes(): (record: Written) => number {
  let text = "";
  return ({ value }) => {
    let sum = 0;
    for (let index = 0; index < value.length; index += 1) sum += value[index] ?? 0;
    text += String.fromCharCode(sum & 127);
    return sum + text.length;
  };
}

function foldInto(state: SessionState): (record: Written) => number {
  return ({ value, offset }) => {
    const { verdict } = fold(state, decodeRecord(value), { offset, timeMs: offset });
    if (verdict.kind !== "accepted") throw new Error(`a token was not taken: ${JSON.stringify(verdict)}`);
    return verdict.seq;
  };
}
