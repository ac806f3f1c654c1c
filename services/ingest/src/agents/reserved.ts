import type { EventJson } from "@perdure/protocol";

/** What only the node says of an agent, because only it knows. */
export const isForNodes = (event: EventJson): boolean => isPresence(event) || event.runAccepted !== undefined;

/** An agent's coming and going. */
export const isPresence = (event: EventJson): boolean =>
  event.agentJoined !== undefined ||
  event.agentResumed !== undefined ||
  event.agentLeft !== undefined ||
  event.agentBusy !== undefined ||
  event.poolReturned !== undefined;
