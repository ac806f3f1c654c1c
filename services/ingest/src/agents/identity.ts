import type { ActorJson } from "@perdure/protocol";

/** The node as presence names it. `incarnation` changes when the node's life was declared over. */
export interface NodeIdentity {
  readonly name: string;
  readonly incarnation: number;
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
export const systemActor = (tenant: string, node: NodeIdentity): ActorJson => ({
  tenant,
  participant: node.name,
  role: "ROLE_SYSTEM",
});
