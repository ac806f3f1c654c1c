import type { Entry } from "@perdure/log";

/** The key of an entry as text. Keys of sessions are ASCII, so Latin-1 reads them right and is the cheapest. */
export function entryKeyText({ key }: Pick<Entry, "key">): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
