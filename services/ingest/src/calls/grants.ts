import { PerdureError } from "@perdure/core";
import { type ActorJson, isSystemSessionId, sessionKey } from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";

/** The key of a session that the token covers. Throws PerdureError `forbidden_session`, ProtocolError `invalid_name`. */
export function coveredKey(grant: Grant, session: string): string {
  const key = sessionKey(grant.tenant, session);
  if (isSystemSessionId(session) || !grant.allows(session)) {
    throw new PerdureError("forbidden_session", `the token does not cover session ${session}`);
  }
  return key;
}

/** Who a call's records are by. `instance`: the agent's process, where the call is about one. */
export const actorOfGrant = ({ tenant, participant, role }: Grant, instance = ""): ActorJson => ({
  tenant,
  participant,
  role,
  ...(instance !== "" && { instance }),
});
