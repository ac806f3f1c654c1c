import { z } from "zod";
import { problem, type Problems, secretFrom } from "./variables.ts";

/** Who may say who somebody is: a JWKS of an identity provider, or a secret shared with a backend. */
export const authVariables = {
  PERDURE_AUTH_JWKS_URL: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional(),
  PERDURE_AUTH_SECRET: z.string().optional(),
  PERDURE_AUTH_SECRET_FILE: z.string().optional(),
  /** `iss` and `aud` that a token must have; unset: not looked at. */
  PERDURE_AUTH_ISSUER: z.string().optional(),
  PERDURE_AUTH_AUDIENCE: z.string().optional(),
};

export interface AuthConfig {
  readonly keys: AuthKeys;
  readonly issuer?: string;
  readonly audience?: string;
}

export type AuthKeys =
  | { readonly kind: "jwks"; readonly url: string }
  | { readonly kind: "secret"; readonly secret: string };

/** HS256 asks for a key as long as its hash (RFC 7518, 3.2). */
export const SECRET_MIN_BYTES = 32;

export function authConfig(values: z.output<z.ZodObject<typeof authVariables>>, problems: Problems): AuthConfig {
  const { PERDURE_AUTH_ISSUER: issuer, PERDURE_AUTH_AUDIENCE: audience } = values;
  return {
    keys: authKeys(values, problems),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
}

function authKeys(values: z.output<z.ZodObject<typeof authVariables>>, problems: Problems): AuthKeys {
  const { PERDURE_AUTH_JWKS_URL: url, PERDURE_AUTH_SECRET, PERDURE_AUTH_SECRET_FILE } = values;
  const secret = secretFrom(problems, "PERDURE_AUTH_SECRET", PERDURE_AUTH_SECRET, PERDURE_AUTH_SECRET_FILE);
  if (url !== undefined && secret !== undefined) {
    problem(problems, "PERDURE_AUTH_JWKS_URL", "set it or PERDURE_AUTH_SECRET, not both");
  }
  if (url !== undefined) return { kind: "jwks", url };
  if (secret === undefined) {
    problem(problems, "PERDURE_AUTH_SECRET", "is needed (or PERDURE_AUTH_SECRET_FILE, or PERDURE_AUTH_JWKS_URL)");
  } else if (Buffer.byteLength(secret) < SECRET_MIN_BYTES) {
    problem(problems, "PERDURE_AUTH_SECRET", `must have at least ${SECRET_MIN_BYTES} bytes`);
  }
  return { kind: "secret", secret: secret ?? "" };
}
