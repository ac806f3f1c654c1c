import type { HeadJson, PageJson } from "@perdure/protocol";

/**
 * JSON text in which equal heads or pages are equal texts: keys sorted, nothing undefined. Defaults are absent, as
 * `toHead` and protobuf's JSON leave them out.
 */
export const canonical = (json: HeadJson | PageJson): string =>
  JSON.stringify(json, (_key, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? sorted(value) : value,
  );

const sorted = (value: object): object =>
  Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
