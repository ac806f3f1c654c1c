import { PerdureError } from "@perdure/core";
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose";
import { type AuthConfig, SECRET_MIN_BYTES } from "../config/auth-config.ts";
import { type Grant, grantFrom } from "./grant.ts";
import { createRemoteKeys, type RemoteKeysOptions } from "./remote-keys.ts";

/** How far the clocks of an issuer and a node may differ. */
const CLOCK_TOLERANCE_S = 5;
/** Longer tokens are refused before anything is decoded. */
const TOKEN_MAX_LENGTH = 16_384;

/**
 * Only what the kind of key is made for: with a JWKS no secret-key algorithm, so that nobody signs with the public key's
 * text as the secret; with a secret no other than HS256; `none` never.
 */
const ALGORITHMS = {
  jwks: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
  secret: ["HS256"],
};

export interface Verifier {
  /**
   * What the token allows. Throws PerdureError: `unauthenticated` (missing, malformed, wrong signature, algorithm,
   * issuer, audience or claims), `token_expired`, `unavailable` (the issuer's keys cannot be had).
   */
  verify(token: string | undefined): Promise<Grant>;
}

export type VerifierOptions = AuthConfig & RemoteKeysOptions;

/** Tokens are JWTs, signed with a key of a JWKS or with a shared secret. */
export function createVerifier(options: VerifierOptions): Verifier {
  const check = createCheck(options);
  return {
    async verify(token) {
      if (token === undefined || token === "") throw unauthenticated("There is no token. Send one.");
      if (token.length > TOKEN_MAX_LENGTH) throw unauthenticated("The token is too long.");
      let claims: JWTPayload;
      try {
        claims = await check(token);
      } catch (error) {
        throw refusalOf(error);
      }
      return grantFrom(claims);
    },
  };
}

function createCheck(options: VerifierOptions): (token: string) => Promise<JWTPayload> {
  const { keys, issuer, audience } = options;
  const verifyOptions: JWTVerifyOptions = {
    algorithms: ALGORITHMS[keys.kind],
    clockTolerance: CLOCK_TOLERANCE_S,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  if (keys.kind === "jwks") {
    const remoteKeys = createRemoteKeys(keys.url, options);
    return async (token) => (await jwtVerify(token, remoteKeys, verifyOptions)).payload;
  }
  const secret = new TextEncoder().encode(keys.secret);
  if (secret.length < SECRET_MIN_BYTES) throw new RangeError(`the secret must have at least ${SECRET_MIN_BYTES} bytes`);
  return async (token) => (await jwtVerify(token, secret, verifyOptions)).payload;
}

function refusalOf(error: unknown): PerdureError {
  if (error instanceof PerdureError) return error;
  if (error instanceof errors.JWTExpired) {
    return new PerdureError("token_expired", "The token has expired. Get a new one.", { cause: error });
  }
  if (error instanceof errors.JOSEError) return unauthenticated(`The token is not valid: ${error.message}.`, error);
  return unauthenticated("The token is not valid.", error);
}

const unauthenticated = (message: string, cause?: unknown): PerdureError =>
  new PerdureError("unauthenticated", message, { cause });
