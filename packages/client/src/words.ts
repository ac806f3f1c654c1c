/** `MESSAGE_ROLE_USER` is `user` to those who use this package. */
export type Word<Prefix extends string, Name extends string> = Name extends `${Prefix}_${infer Rest}`
  ? Rest extends "UNSPECIFIED"
    ? "unknown"
    : Lowercase<Rest>
  : never;

/** A value of the schema's enum in its short form; `unknown` where the state has none. */
export function word<Prefix extends string, Name extends string>(
  prefix: Prefix,
  name: Name | undefined,
): Word<Prefix, Name> | "unknown";
export function word(prefix: string, name: string | undefined): string {
  const short = name?.slice(prefix.length + 1).toLowerCase() ?? "unknown";
  return short === "unspecified" ? "unknown" : short;
}
