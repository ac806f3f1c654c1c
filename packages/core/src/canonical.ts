import type { HeadJson, PageJson } from "@perdure/protocol";

/**
 * JSON text in which equal heads or pages are equal texts: keys sorted, nothing undefined. Defaults are absent, as
 * `toHead` and protobuf's JSON leave them out.
 */
export const canonical = (json: HeadJson | PageJson): string => sortedText(json);

/** JSON text that does not depend on the order of keys. */
const sortedText = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? sorted(inner) : inner,
  );

const sorted = (value: object): object =>
  Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
