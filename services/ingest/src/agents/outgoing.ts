import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectResponseSchema } from "@perdure/protocol";
import { asBuffer } from "../grpc/methods.ts";

export type ResponseKind = Exclude<MessageInitShape<typeof ConnectResponseSchema>["kind"], undefined>;

/** Where a stream's messages go: the writing side of a gRPC call. */
export interface Sink {
  write(bytes: Buffer, onWritten: () => void): unknown;
}

/** What is on its way to one agent. Bounded: an agent that does not read is told so and cut off, never waited for. */
export class Outgoing {
  readonly #sink: Sink;
  readonly #maxBytes: number;
  readonly #onTooSlow: () => void;
  #waitingBytes = 0;
  #closed = false;

  constructor(sink: Sink, maxBytes: number, onTooSlow: () => void) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
    this.#onTooSlow = onTooSlow;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  send(kind: ResponseKind): void {
    if (this.#closed) return;
    const bytes = asBuffer(toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { kind })));
    this.#waitingBytes += bytes.byteLength;
    this.#sink.write(bytes, () => {
      this.#waitingBytes -= bytes.byteLength;
    });
    if (this.#waitingBytes > this.#maxBytes) this.#onTooSlow();
  }

  close(): void {
    this.#closed = true;
  }
}
