import type { Grant } from "@perdure/service-kit";

/** Of a participant that may do all that its role may, in every session of the tenant `acme`. */
export const grantOf = (participant: string, role: Grant["role"] = "ROLE_USER"): Grant => ({
  tenant: "acme",
  participant,
  role,
  name: participant,
  expiresMs: Number.MAX_SAFE_INTEGER,
  mayCreate: true,
  allows: () => true,
  allowsAgent: () => false,
});
