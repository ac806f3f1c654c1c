import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { handleBidiStreamingCall, handleUnaryCall, sendUnaryData, Server, ServerUnaryCall } from "@grpc/grpc-js";
import { PerdureError } from "@perdure/core";
import type { Grant, Verifier } from "@perdure/service-kit";
import { statusOf } from "../refusal.ts";
import { bearerOf } from "./bearer.ts";

/** grpc-js hands out and takes bytes; what they mean is decided where their length is known and a fault gets its code. */
const asIs = (bytes: Buffer): Buffer => bytes;
const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function registerBidi(
  server: Server,
  method: DescMethod,
  handler: handleBidiStreamingCall<Buffer, Buffer>,
): void {
  server.register(pathOf(method), handler, asIs, asIs, "bidi");
}

/** Answers one call. The grant is the token's; what is thrown becomes the call's status. */
export type UnaryHandler<In extends DescMessage, Out extends DescMessage> = (
  request: MessageShape<In>,
  grant: Grant,
) => Promise<MessageInitShape<Out>>;

type Answer = sendUnaryData<Buffer>;

export function registerUnary<In extends DescMessage, Out extends DescMessage>(
  server: Server,
  verifier: Verifier,
  method: DescMethodUnary<In, Out>,
  handler: UnaryHandler<In, Out>,
): void {
  const answer = async (call: ServerUnaryCall<Buffer, Buffer>, callback: Answer): Promise<void> => {
    try {
      const grant = await verifier.verify(bearerOf(call.metadata));
      const response = await handler(decode(method.input, call.request), grant);
      callback(null, asBuffer(toBinary(method.output, create(method.output, response))));
    } catch (error) {
      callback(statusOf(error));
    }
  };
  const onCall: handleUnaryCall<Buffer, Buffer> = (call, callback) => void answer(call, callback);
  server.register(pathOf(method), onCall, asIs, asIs, "unary");
}

/** The message in these bytes. Throws PerdureError `malformed`. */
export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new PerdureError("malformed", `the bytes are no ${schema.name}`, { cause });
  }
}
