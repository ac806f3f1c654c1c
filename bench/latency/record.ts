import { decodeRecord, encodeRecord } from "@perdure/protocol";

/** As an agent's SDK writes a token. */
export function recordOf(index: number, text: string): Uint8Array {
  return encodeRecord({
    producer: "0123456789abcdef0123456789abcdef",
    first: index + 1,
    last: index + 1,
    born: 5,
    actor: { tenant: "bench", participant: "agent", role: "ROLE_AGENT", instance: "0123456789abcdef" },
    attempt: 7,
    audience: "AUDIENCE_ALL",
    epoch: "12345",
    events: [{ partAppended: { partId: "0123456789abcdef0123456789abcdef:3:1", at: index, text } }],
  });
}

export function textOf(value: Uint8Array | null): string {
  return value === null ? "" : (decodeRecord(value).events?.[0]?.partAppended?.text ?? "");
}
