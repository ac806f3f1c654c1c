import { decodeNodeLease } from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import type { Broker } from "../log/broker.ts";
import type { Findings } from "./findings.ts";

/** A life that has beaten so often within its lease was not silent, whoever says so. */
const BEATS = 3;
const LEASE_MS = 6_500;
/** What may have crossed on the way. */
const CROSSING_MS = 300;

/** Nobody is declared over who beats: a keeper that is cut off itself must not judge. */
export function checkExpiries(broker: Broker, findings: Findings): void {
  const beats = new Map<string, Map<number, number>>();
  for (const entry of broker.partition(TOPICS.nodes, 0).archive) {
    if (entry.value === null) continue;
    const { incarnation = 0, state, beat = 0 } = decodeNodeLease(entry.value);
    const life = `${entryKeyText(entry)}:${incarnation}`;
    const heard = beats.get(life) ?? new Map<number, number>();
    beats.set(life, heard);
    // One that was sent again counts as of its first time.
    if (state !== "NODE_LEASE_STATE_EXPIRED") heard.set(beat, heard.get(beat) ?? entry.timeMs);
    else if (beatsBefore(heard, entry.timeMs) >= BEATS)
      findings.add("presence", `${life} was declared over while it beat`);
  }
}

const beatsBefore = (heard: ReadonlyMap<number, number>, atMs: number): number =>
  [...heard.values()].filter((beatMs) => beatMs > atMs - LEASE_MS && beatMs < atMs - CROSSING_MS).length;
