import type { Metadata } from "@grpc/grpc-js";

/** The token of `authorization: Bearer …`; undefined: there is none. */
export function bearerOf(metadata: Metadata): string | undefined {
  const [value] = metadata.get("authorization");
  const match = /^Bearer +(\S+)$/i.exec(value === undefined ? "" : value.toString());
  return match?.[1];
}
