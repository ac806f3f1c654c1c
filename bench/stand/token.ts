import { mintToken } from "@perdure/service-kit";
import { benchTenant } from "../session/written-session.ts";

const hourMs = 3_600_000;

/** A token for an observer of all sessions of the bench. */
export const observerToken = (secret: string, participant = "viewer"): Promise<string> =>
  mintToken(secret, { participant, tenant: benchTenant, role: "observer", sessions: ["*"] }, hourMs);
