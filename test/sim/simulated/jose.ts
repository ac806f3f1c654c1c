// Stands in for jose in a simulation, where real signatures would wait for real threads: a token says what it says.
class JOSEError extends Error {
  static code = "ERR_JOSE_GENERIC";
}

export const errors = {
  JOSEError,
  JWTExpired: class extends JOSEError {},
  JWTClaimValidationFailed: class extends JOSEError {},
  JWKSTimeout: class extends JOSEError {},
  JWKSInvalid: class extends JOSEError {},
  JWKSNoMatchingKey: class extends JOSEError {},
};

/** What `tokenOf` in cluster/tokens.ts made. */
export async function jwtVerify(token: string): Promise<{ payload: unknown }> {
  await Promise.resolve();
  const payload: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  return { payload };
}

export const createRemoteJWKSet = (): undefined => undefined;
export const SignJWT = undefined;
