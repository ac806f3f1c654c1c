import { fromBinary, toJson } from "@bufbuild/protobuf";
import { ConnectResponseSchema, decodeHeard, messagesIn, RecordSchema } from "@perdure/protocol";
import type { AgentRecord, ConnectResponse, Heard } from "@perdure/protocol";

type Kind = ConnectResponse["kind"];

/** What a node says: an accepted record, as nearly all are, as the fold has it; all else as the schema does. */
export type NodeMessage =
  | Exclude<Kind, { readonly case: "record" | "batch" | undefined }>
  | { readonly case: "heard"; readonly value: Heard };

/** The messages in the bytes of one, in order. What a newer node has to say besides is passed over. */
export function nodeMessages(bytes: Uint8Array): readonly NodeMessage[] {
  try {
    return messagesIn("responses", bytes).flatMap((each) => nodeMessage(each) ?? []);
  } catch {
    return [];
  }
}

function nodeMessage(bytes: Uint8Array): NodeMessage | undefined {
  const append = decodeHeard(bytes);
  if (append !== undefined) return { case: "heard", value: append };
  const { kind } = fromBinary(ConnectResponseSchema, bytes);
  switch (kind.case) {
    case "record":
      return heard(kind.value);
    case "batch":
    case undefined:
      return undefined;
    default:
      return kind;
  }
}

function heard({ session, accepted }: AgentRecord): NodeMessage | undefined {
  if (accepted === undefined) return undefined;
  const record = accepted.record === undefined ? {} : toJson(RecordSchema, accepted.record);
  const { seq, count, timeMs } = accepted;
  return { case: "heard", value: { session, seq, count, timeMs: Number(timeMs), record } };
}
