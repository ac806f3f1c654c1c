import { PerdureError } from "@perdure/core";

/** JSON text of a value. Throws `invalid_event` where it has none, `too_large` past the limit (UTF-8 bytes). */
export function jsonText(what: string, value: unknown, limitBytes: number): string {
  let kept: string;
  try {
    // Nothing, as a function without a result returns, is kept as null.
    kept = JSON.stringify(value === undefined ? null : value);
  } catch (cause) {
    throw new PerdureError("invalid_event", `${what} is not JSON: return plain data`, { cause });
  }
  if (Buffer.byteLength(kept) > limitBytes) {
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

/** The longest beginning of at most `limit` UTF-16 units that does not end within a surrogate pair. */
export function cutAt(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit);
}
