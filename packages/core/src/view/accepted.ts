import type { EventJson } from "@perdure/protocol";
import type { Accepted, Level } from "../api.ts";
import { covers } from "../audience.ts";
import { shownSpec } from "./project.ts";

/**
 * An accepted record as a reader of this level gets it: where its audience is above the level, nothing but its seq and
 * time; else without `sealed`.
 */
export function projectAccepted(accepted: Accepted, level: Level): Accepted {
  if (!covers(level, accepted.audience)) return hidden(accepted);
  if (level === "agents" || !accepted.events.some(isSealed)) return accepted;
  return { ...accepted, events: accepted.events.map((event) => unsealed(event, level)) };
}

const hidden = ({ seq, count, timeMs, audience }: Accepted): Accepted => ({
  seq,
  count,
  timeMs,
  producer: "",
  number: 0,
  actor: {},
  attempt: 0,
  audience,
  events: [],
});

const isSealed = ({ partOpened, partSet }: EventJson): boolean =>
  partOpened?.part?.sealed !== undefined || partSet?.part?.sealed !== undefined;

function unsealed(event: EventJson, level: Level): EventJson {
  const { partOpened, partSet } = event;
  if (partOpened?.part !== undefined) return { partOpened: { ...partOpened, part: shownSpec(partOpened.part, level) } };
  if (partSet?.part !== undefined) return { partSet: { ...partSet, part: shownSpec(partSet.part, level) } };
  return event;
}
