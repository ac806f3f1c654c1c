/** Codes that open the page once, within their time. */
import { randomBytes } from "node:crypto";

export interface OneTimeCodes {
  /** A new code that lives so long, in milliseconds. */
  issue(lifetimeMs: number): string;
  /** Whether the code was good; it is not a second time. */
  redeem(code: string): boolean;
}

const CODE_BYTES = 16;
const MAX_CODES = 64;

/** Keeps the last 64 codes; `nowMs` is any clock that does not go back. */
export function oneTimeCodes(nowMs: () => number): OneTimeCodes {
  const endsMs = new Map<string, number>();
  return {
    issue(lifetimeMs) {
      for (const [code, endMs] of endsMs) if (endMs <= nowMs() || endsMs.size >= MAX_CODES) endsMs.delete(code);
      const code = randomBytes(CODE_BYTES).toString("base64url");
      endsMs.set(code, nowMs() + lifetimeMs);
      return code;
    },
    redeem(code) {
      const endMs = endsMs.get(code);
      endsMs.delete(code);
      return endMs !== undefined && endMs > nowMs();
    },
  };
}
