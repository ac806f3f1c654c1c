import { PerdureError } from "./errors.ts";
import { utf8Bytes } from "./weight.ts";

/** JSON text of a value. Throws `invalid_event` where it has none, `too_large` past the limit (UTF-8 bytes). */
export function jsonText(what: string, value: unknown, limitBytes: number): string {
  let kept: string;
  try {
    // Nothing, as a function without a result returns, is kept as null.
    kept = JSON.stringify(value === undefined ? null : value);
  } catch (cause) {
    throw new PerdureError("invalid_event", `${what} is not JSON: return plain data`, { cause });
  }
  if (utf8Bytes(kept) > limitBytes) {
    throw new PerdureError(
      "too_large",
      `${what} is longer than ${limitBytes} bytes of JSON: keep it elsewhere and return where`,
    );
  }
  return kept;
}

/** The value that `jsonText` wrote. */
export function fromJsonText(text: string | undefined): unknown {
  return text === undefined || text === "" ? undefined : JSON.parse(text);
}
