import type { SessionState } from "@perdure/core";

/** One life of a node: a new one begins with each start, and after an expiry. */
export interface NodeLife {
  readonly node: string;
  readonly incarnation: number;
}

/** An agent whose stream a node holds. */
export const PRESENT: ReadonlySet<string> = new Set(["AGENT_PRESENCE_HERE", "AGENT_PRESENCE_BUSY"]);

/** The lives of nodes that hold a member, an observer or an agent of the session, each once. */
export function nodesOf(state: SessionState): NodeLife[] {
  const lives = new Map<string, NodeLife>();
  const add = ({ node, incarnation }: NodeLife): void => {
    if (node !== "") lives.set(lifeText({ node, incarnation }), { node, incarnation });
  };
  for (const member of state.members.values()) add(member);
  for (const counted of state.observers.values()) add(counted);
  for (const agent of state.agents.values()) if (PRESENT.has(agent.presence)) add(agent);
  return [...lives.values()];
}

/** A life as the index lists it. */
export const lifeText = ({ node, incarnation }: NodeLife): string => `${node}:${incarnation}`;

/** What `lifeText` wrote. */
export function parseLife(text: string): NodeLife {
  const colon = text.lastIndexOf(":");
  return { node: text.slice(0, colon), incarnation: Number(text.slice(colon + 1)) };
}
