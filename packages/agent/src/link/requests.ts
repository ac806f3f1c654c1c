import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectRequestSchema } from "@perdure/protocol";

export type RequestKind = Exclude<MessageInitShape<typeof ConnectRequestSchema>["kind"], undefined>;

/** One message of an agent to its node, as it goes over the wire. */
export const encodeRequest = (kind: RequestKind): Uint8Array =>
  toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { kind }));
