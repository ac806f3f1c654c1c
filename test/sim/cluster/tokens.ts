import type { TokenRole } from "@perdure/service-kit";

export const TENANT = "acme";
/** Long enough that no token ends within a run. */
const LIFE_S = 1_000_000;

export interface Identity {
  readonly participant: string;
  readonly role: TokenRole;
}

/** A token as simulated/jose.ts reads it. */
export function tokenOf({ participant, role }: Identity, nowMs: number): string {
  const exp = Math.floor(nowMs / 1_000) + LIFE_S;
  const claims = { sub: participant, tenant: TENANT, role, sessions: ["*"], create: true, exp };
  return Buffer.from(JSON.stringify(claims)).toString("base64url");
}
