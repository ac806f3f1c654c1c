import { SignJWT } from "jose";
import type { TokenRole } from "./grant.ts";

/** What a token says, see grantFrom. */
export interface TokenClaims {
  readonly participant: string;
  readonly tenant: string;
  readonly role: TokenRole;
  /** Session ids that it covers; `*` stands for any characters. */
  readonly sessions: readonly string[];
  /** Agent names that its holder may run under; default any. */
  readonly agents?: readonly string[];
  readonly name?: string;
  readonly mayCreate?: boolean;
  readonly issuer?: string;
  readonly audience?: string;
}

/** Signs a token with a shared secret (HS256): for backends that have no identity provider, for `./dev up` and tests. */
export function mintToken(secret: string, claims: TokenClaims, ttlMs: number, nowMs = Date.now()): Promise<string> {
  const { tenant, role, sessions, agents, name, mayCreate } = claims;
  const token = new SignJWT({
    tenant,
    role,
    sessions,
    ...(agents !== undefined && { agents }),
    ...(name !== undefined && { name }),
    ...(mayCreate === true && { create: true }),
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(claims.participant)
    .setIssuedAt(Math.floor(nowMs / 1_000))
    .setExpirationTime(Math.floor((nowMs + ttlMs) / 1_000));
  if (claims.issuer !== undefined) token.setIssuer(claims.issuer);
  if (claims.audience !== undefined) token.setAudience(claims.audience);
  return token.sign(new TextEncoder().encode(secret));
}
