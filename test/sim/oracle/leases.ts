import { decodeNodeLease, type NodeLeaseJson } from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import type { Broker } from "../log/broker.ts";
import type { Findings } from "./findings.ts";
import type { History } from "./history.ts";

/** A life that has beaten so often within its lease was not silent, whoever says so. */
const BEATS = 3;
const LEASE_MS = 6_500;
const OVER: ReadonlySet<string> = new Set(["NODE_LEASE_STATE_LEFT", "NODE_LEASE_STATE_EXPIRED"]);
/** What may have crossed on the way. */
const CROSSING_MS = 300;

/** No session is raised to rules that a node does not know which beats: the keeper asks all of them. */
export function checkUpgrades(broker: Broker, histories: ReadonlyMap<string, History>, findings: Findings): void {
  const leases = [...broker.partition(TOPICS.nodes, 0).archive].flatMap(({ value, timeMs }) =>
    value === null ? [] : [{ ...decodeNodeLease(value), timeMs }],
  );
  const lives = Map.groupBy(leases, ({ node = "", incarnation = 0 }) => `${node}:${incarnation}`);
  for (const { sessionKey, judged } of histories.values()) {
    for (const { accepted, timeMs, offset } of judged) {
      const version = accepted?.events[0]?.rulesUpgraded?.version ?? 0;
      for (const [life, own] of lives) {
        const before = own.filter((lease) => lease.timeMs <= timeMs);
        if (leases.some((lease) => isLaterLife(lease, before) && lease.timeMs <= timeMs)) continue;
        const beats = before.filter(({ rules = 0, timeMs: beatMs }) => rules < version && isWithin(beatMs, timeMs));
        if (beats.length < BEATS || before.some(({ state = "" }) => OVER.has(state))) continue;
        findings.add(
          "versioned",
          `${sessionKey}@${offset} raises the rules to ${version}, which ${life} does not know`,
        );
      }
    }
  }
}

/** A node that begins another life has ended the one before, also where nobody could say so. */
const isLaterLife = ({ node, incarnation = 0 }: NodeLeaseJson, [life]: readonly NodeLeaseJson[]): boolean =>
  life !== undefined && node === life.node && incarnation > (life.incarnation ?? 0);

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
  [...heard.values()].filter((beatMs) => isWithin(beatMs, atMs)).length;

/** A beat that counts for what is done at that time. */
const isWithin = (beatMs: number, atMs: number): boolean => beatMs > atMs - LEASE_MS && beatMs < atMs - CROSSING_MS;
