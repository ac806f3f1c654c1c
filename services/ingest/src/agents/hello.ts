import { PerdureError } from "@perdure/core";
import { AGENT_NAME_PATTERN, type AgentHello, PROTOCOL_VERSION } from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";
import type { AgentIdentity } from "./identity.ts";

const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
const DESCRIPTION_LENGTH = 256;
const MAX_CAPACITY = 10_000;

/** Who a stream's agent is: what it says of itself, and what its token says. Throws PerdureError with what is wrong. */
export function identify(hello: AgentHello, grant: Grant, attachment: string): AgentIdentity {
  const { protocol, agent, instance, capacity } = hello;
  if (protocol !== PROTOCOL_VERSION) {
    throw new PerdureError("protocol_version", `protocol ${protocol} is not spoken here, but ${PROTOCOL_VERSION}`);
  }
  if (!AGENT_NAME_PATTERN.test(agent)) {
    throw new PerdureError("invalid_name", "the agent's name must be 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  if (!ID_PATTERN.test(instance)) {
    throw new PerdureError("invalid_name", "the instance must be 1 to 64 of A-Z a-z 0-9 _ -");
  }
  if (!grant.allowsAgent(agent)) throw new PerdureError("forbidden", `the token may not work as agent ${agent}`);
  if (capacity > MAX_CAPACITY) throw new PerdureError("invalid_event", `the capacity is at most ${MAX_CAPACITY}`);
  const { tenant, participant } = grant;
  const description = hello.description.slice(0, DESCRIPTION_LENGTH);
  return { tenant, participant, agent, instance, attachment, capacity, description };
}
