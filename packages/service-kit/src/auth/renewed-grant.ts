import { PerdureError } from "@perdure/core";
import type { Clock } from "../clock.ts";
import type { Grant } from "./grant.ts";
import type { Verifier } from "./verifier.ts";

/** A new token for a connection that has one. */
export interface Renewal {
  readonly verifier: Verifier;
  readonly clock: Clock;
  /** What the token that it has allows. */
  readonly former: Grant;
  readonly token: string;
  /** Whether the connection is still there, and no later token has come. */
  isWanted(): boolean;
}

/** Where the verifier does not say when to ask again, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * What the new token allows. While it cannot be told, since the issuer's keys cannot be had, it is asked again: the
 * connection is as good as the token that it has, until that one ends. Undefined where it is not wanted any more. Throws
 * what `Verifier.verify` throws but `unavailable`, and `unauthenticated` where the token is another holder's.
 */
export async function renewedGrant(renewal: Renewal): Promise<Grant | undefined> {
  while (renewal.isWanted()) {
    try {
      const grant = await renewal.verifier.verify(renewal.token);
      return renewal.isWanted() ? ofSameHolder(grant, renewal.former) : undefined;
    } catch (error) {
      if (!renewal.isWanted()) return undefined;
      if (!(error instanceof PerdureError) || error.code !== "unavailable") throw error;
      await delay(renewal.clock, error.retryAfterMs ?? RETRY_MS);
    }
  }
  return undefined;
}

function ofSameHolder(grant: Grant, { tenant, participant, role }: Grant): Grant {
  if (grant.tenant === tenant && grant.participant === participant && grant.role === role) return grant;
  throw new PerdureError("unauthenticated", "The new token is somebody else's. Connect again with it.");
}

const delay = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => void clock.after(delayMs, resolve));
