// Stands in for jose in a simulation, where real signatures would wait for real threads: a token says what it says. The
// keys of the issuer are had as jose has them: asked for when there are none or the token names another, kept, and not
// asked for again while they cool down.
import { currentProcess, currentWorld } from "../world/world.ts";

class JOSEError extends Error {
  static readonly code: string = "ERR_JOSE_GENERIC";
  readonly code: string = JOSEError.code;
}

const kindOf = (kind: string): typeof JOSEError =>
  class extends JOSEError {
    static override readonly code = kind;
    override readonly code = kind;
  };

export const errors = {
  JOSEError,
  JWTExpired: kindOf("ERR_JWT_EXPIRED"),
  JWTClaimValidationFailed: kindOf("ERR_JWT_CLAIM_VALIDATION_FAILED"),
  JWKSTimeout: kindOf("ERR_JWKS_TIMEOUT"),
  JWKSInvalid: kindOf("ERR_JWKS_INVALID"),
  JWKSNoMatchingKey: kindOf("ERR_JWKS_NO_MATCHING_KEY"),
};

/** How long jose waits for the keys, in milliseconds. */
const KEYS_TIMEOUT_MS = 5_000;

/** As `tokenOf` in cluster/tokens.ts makes it. */
interface Token {
  readonly kid: number;
  readonly payload: { readonly exp: number };
}

type GetKey = (header: { readonly kid: number }) => Promise<void>;

/** Throws what jose does where the key is not to be had or the token is over. */
export async function jwtVerify(
  token: string,
  getKey: GetKey,
  { clockTolerance }: { readonly clockTolerance: number },
): Promise<{ payload: unknown }> {
  const read: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  if (!isToken(read)) throw new JOSEError("no token of this simulation");
  await getKey(read);
  if (read.payload.exp <= Math.floor(Date.now() / 1_000) - clockTolerance) throw new errors.JWTExpired("it has ended");
  return { payload: read.payload };
}

const isToken = (value: unknown): value is Token => typeof value === "object" && value !== null && "kid" in value;

interface RemoteKeys extends GetKey {
  readonly fresh: boolean;
  readonly coolingDown: boolean;
  reload(): Promise<void>;
}

interface RemoteKeysOptions {
  readonly cacheMaxAge: number;
  readonly cooldownDuration: number;
}

export function createRemoteJWKSet(_url: URL, { cacheMaxAge, cooldownDuration }: RemoteKeysOptions): RemoteKeys {
  const process = currentProcess();
  const { issuer } = currentWorld();
  let newest = 0;
  let fetchedMs = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;
  const isFreshFor = (durationMs: number): boolean => Date.now() < fetchedMs + durationMs;
  const fetchKeys = async (): Promise<void> => {
    const { takesMs, fails } = issuer.ask();
    await new Promise<void>((resolve) => void process.after(Math.min(takesMs, KEYS_TIMEOUT_MS), resolve));
    if (takesMs > KEYS_TIMEOUT_MS) throw new errors.JWKSTimeout("no answer in time");
    if (fails) throw new JOSEError("Expected 200 OK from the JSON Web Key Set HTTP response");
    newest = issuer.key;
    fetchedMs = Date.now();
  };
  const reload = (): Promise<void> => {
    pending ??= fetchKeys().finally(() => {
      pending = undefined;
    });
    return pending;
  };
  const getKey: GetKey = async ({ kid }) => {
    if (!isFreshFor(cacheMaxAge)) await reload();
    if (kid > newest && !isFreshFor(cooldownDuration)) await reload();
    if (kid > newest) throw new errors.JWKSNoMatchingKey("no applicable key found in the JSON Web Key Set");
  };
  return Object.defineProperties(Object.assign(getKey, { reload, fresh: false, coolingDown: false }), {
    fresh: { get: () => isFreshFor(cacheMaxAge) },
    coolingDown: { get: () => isFreshFor(cooldownDuration) },
  });
}

export const SignJWT = undefined;
