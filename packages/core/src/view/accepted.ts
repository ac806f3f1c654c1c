import type { EventJson } from "@perdure/protocol";
import type { Accepted, Level } from "../api.ts";
import { covers } from "../audience.ts";
import { eventForUsers } from "./for-staff.ts";
import { shownSpec } from "./project.ts";

/**
 * An accepted record as a reader of this level gets it: where its audience is above the level, nothing but its seq and
 * time; else without `sealed`, and for users without what is for staff.
 */
export function projectAccepted(accepted: Accepted, level: Level): Accepted {
  if (!covers(level, accepted.audience)) return hidden(accepted);
  if (level === "agents" || accepted.events.every((event) => shownEvent(event, level) === event)) return accepted;
  return { ...accepted, events: accepted.events.map((event) => shownEvent(event, level)) };
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

/** The event as the level sees it; the same object where it sees all of it. */
function shownEvent(event: EventJson, level: Level): EventJson {
  const { partOpened, partSet } = event;
  if (partOpened?.part?.sealed !== undefined) {
    return { partOpened: { ...partOpened, part: shownSpec(partOpened.part, level) } };
  }
  if (partSet?.part?.sealed !== undefined) return { partSet: { ...partSet, part: shownSpec(partSet.part, level) } };
  return level === "all" ? eventForUsers(event) : event;
}
