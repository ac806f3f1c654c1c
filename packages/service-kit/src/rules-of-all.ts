import { FIRST_RULES } from "@perdure/core";
import type { NodeLeaseJson } from "@perdure/protocol";

/** The highest version of the fold's rules that every node knows whose lease runs; the first where none does. */
export function rulesOfAll(leases: Iterable<NodeLeaseJson>): number {
  const known = [...leases].filter(isRunning).map(({ rules }) => rules ?? FIRST_RULES);
  return known.length === 0 ? FIRST_RULES : Math.min(...known);
}

/** Whether the node lives, as far as its lease says: also one that drains still judges. */
export const isRunning = ({ state }: NodeLeaseJson): boolean =>
  state === "NODE_LEASE_STATE_LIVE" || state === "NODE_LEASE_STATE_DRAINING";
