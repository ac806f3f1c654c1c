import type { TokenRole } from "@perdure/service-kit";
import type { Issuer } from "../world/issuer.ts";

export const TENANT = "acme";

export interface Identity {
  readonly participant: string;
  readonly role: TokenRole;
}

/** A token as simulated/jose.ts reads it. */
export function tokenOf({ participant, role }: Identity, issuer: Issuer, nowMs: number): string {
  const exp = Math.floor(nowMs / 1_000) + issuer.tokenLifeS;
  const payload = { sub: participant, tenant: TENANT, role, sessions: ["*"], create: true, exp };
  return Buffer.from(JSON.stringify({ kid: issuer.key, payload })).toString("base64url");
}
