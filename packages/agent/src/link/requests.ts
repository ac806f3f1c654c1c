import { create, fromJson, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectRequestSchema, RecordSchema } from "@perdure/protocol";
import type { RecordDraft } from "@perdure/core";

export type RequestKind = Exclude<MessageInitShape<typeof ConnectRequestSchema>["kind"], undefined>;

/** One message of an agent to its node, as it goes over the wire. */
export const encodeRequest = (kind: RequestKind): Uint8Array =>
  toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { kind }));

export const encodePublish = (session: string, record: RecordDraft): Uint8Array =>
  encodeRequest({ case: "publish", value: { session, record: fromJson(RecordSchema, record) } });
