import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectResponseSchema, TurnBatch } from "@perdure/protocol";
import { asBuffer } from "../grpc/methods.ts";

export type ResponseKind = Exclude<MessageInitShape<typeof ConnectResponseSchema>["kind"], undefined>;

/** Where a stream's messages go: the writing side of a gRPC call. */
export interface Sink {
  write(bytes: Buffer, onWritten: () => void): unknown;
}

/**
 * What is on its way to one agent, in one message for each turn of the loop. Bounded: an agent that does not read is
 * told so and cut off, never waited for.
 */
export class Outgoing {
  readonly #maxBytes: number;
  readonly #onTooSlow: () => void;
  readonly #batch: TurnBatch;
  #waitingBytes = 0;
  #closed = false;

  constructor(sink: Sink, maxBytes: number, onTooSlow: () => void) {
    this.#maxBytes = maxBytes;
    this.#onTooSlow = onTooSlow;
    this.#batch = new TurnBatch({
      of: "responses",
      schedule: setImmediate,
      write: (bytes, carriedBytes) =>
        sink.write(asBuffer(bytes), () => {
          this.#waitingBytes -= carriedBytes;
        }),
    });
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  send(kind: ResponseKind): void {
    if (!this.#closed) this.sendBytes(toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { kind })));
  }

  /** As `send`, with a response that is in bytes already. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#batch.add(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > this.#maxBytes) this.#onTooSlow();
  }

  close(): void {
    this.#batch.flush();
    this.#closed = true;
  }
}
