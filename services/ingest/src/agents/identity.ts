import type { ActorJson } from "@perdure/protocol";

/** The node as presence names it. `incarnation` changes when the node's life was declared over. */
export interface NodeIdentity {
  readonly name: string;
  readonly incarnation: number;
  /** A session refuses that life, which it holds for over: the node begins another, if it has not yet. */
  declaredOver(incarnation: number): void;
}

/** An agent's process on one stream. */
export interface AgentIdentity {
  readonly tenant: string;
  readonly participant: string;
  readonly agent: string;
  readonly instance: string;
  /** The stream, unique. */
  readonly attachment: string;
  readonly capacity: number;
  readonly description: string;
}

/** The actor of what the agent writes, and of what the node writes for it. */
export const actorOf = ({ tenant, participant, instance }: AgentIdentity): ActorJson => ({
  tenant,
  participant,
  role: "ROLE_AGENT",
  instance,
});

/** The actor of what the node finds out about agents. */
export const systemActor = (tenant: string, node: Pick<NodeIdentity, "name">): ActorJson => ({
  tenant,
  participant: node.name,
  role: "ROLE_SYSTEM",
});
