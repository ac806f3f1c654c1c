import { PerdureError } from "@perdure/core";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";

export interface RemoteKeysOptions {
  /** How old the keys may grow before they are fetched again, beside the traffic. Default 10 minutes. */
  readonly keysRefreshMs?: number;
  /** How long the last keys serve while the issuer cannot be reached. Default 24 hours. */
  readonly keysStaleMs?: number;
  /** How long after a fetch an unknown key id does not cause another. Default 30 s. */
  readonly keysCooldownMs?: number;
  /** Told, at most once a second, when the keys could not be fetched; those from before, if there are any, serve on. */
  readonly onKeysProblem?: (error: unknown) => void;
}

const RETRY_AFTER_MS = 1_000;

/** Failures of fetching, as against those of a token that names no key of the set. */
const FETCH_FAILURES: readonly string[] = [errors.JOSEError.code, errors.JWKSTimeout.code, errors.JWKSInvalid.code];

/**
 * The keys of a JWKS URL, kept: an issuer that cannot be reached for a while locks nobody out, a rotated key is found at
 * its first token, and one that was withdrawn is gone after `keysRefreshMs`. Throws PerdureError `unavailable` where no
 * keys can be had, or the token's may be newer than those that were fetched a moment ago, and jose's errors where the
 * token names none of them.
 */
export function createRemoteKeys(url: string, options: RemoteKeysOptions = {}): JWTVerifyGetKey {
  const refreshMs = options.keysRefreshMs ?? 600_000;
  const keys = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: options.keysStaleMs ?? 86_400_000,
    cooldownDuration: options.keysCooldownMs ?? 30_000,
  });
  let triedMs = Date.now();
  let toldMs = -Infinity;
  const tell = (problem: unknown): void => {
    // All whose token waits for the keys find the same.
    if (Math.abs(Date.now() - toldMs) < RETRY_AFTER_MS) return;
    toldMs = Date.now();
    options.onKeysProblem?.(problem);
  };
  const refresh = (): void => {
    triedMs = Date.now();
    keys.reload().catch(tell);
  };
  return async (header, token) => {
    if (keys.fresh && Date.now() - triedMs >= refreshMs) refresh();
    const coolingDown = keys.coolingDown;
    try {
      return await keys(header, token);
    } catch (error) {
      // Nobody has looked since the token came: whether it is good is not known before the keys may be fetched again.
      if (coolingDown && error instanceof errors.JWKSNoMatchingKey) {
        throw unavailable("The token's key is not among those fetched a moment ago. Try again.", error);
      }
      if (!isFetchFailure(error)) throw error;
      tell(error);
      throw unavailable("The keys that tokens are checked with cannot be had now. Try again.", error);
    }
  };
}

const unavailable = (message: string, cause: unknown): PerdureError =>
  new PerdureError("unavailable", message, { retryAfterMs: RETRY_AFTER_MS, cause });

const isFetchFailure = (error: unknown): boolean =>
  !(error instanceof errors.JOSEError) || FETCH_FAILURES.includes(error.code);
