import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { ConnectResponseSchema } from "@perdure/protocol";
import { asBuffer } from "../grpc/methods.ts";

export type ResponseKind = Exclude<MessageInitShape<typeof ConnectResponseSchema>["kind"], undefined>;

/** Where a stream's messages go: the writing side of a gRPC call. */
export interface Sink {
  write(bytes: Buffer, onWritten: () => void): unknown;
}

/** Tags of `ConnectResponse.batch` and `AgentBatch.messages`: field number * 8 + 2, the wire type of messages. */
const BATCH_TAG = 11 * 8 + 2;
const MESSAGES_TAG = 1 * 8 + 2;
/** What goes out as one: a reader takes only so much, and a message of its own may be longer. */
const BATCH_BYTES = 256 * 1024;

/**
 * What is on its way to one agent. What one turn of the loop brings goes out as one message, since a write costs more
 * than what is in it. Bounded: an agent that does not read is told so and cut off, never waited for.
 */
export class Outgoing {
  readonly #sink: Sink;
  readonly #maxBytes: number;
  readonly #onTooSlow: () => void;
  #turn: Uint8Array[] = [];
  #turnBytes = 0;
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
    if (!this.#closed) this.sendBytes(toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { kind })));
  }

  /** As `send`, with a response that is in bytes already. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#turn.length > 0 && this.#turnBytes + bytes.byteLength > BATCH_BYTES) this.#flush();
    if (this.#turn.length === 0) setImmediate(() => this.#flush());
    this.#turn.push(bytes);
    this.#turnBytes += bytes.byteLength;
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > this.#maxBytes) this.#onTooSlow();
  }

  close(): void {
    this.#flush();
    this.#closed = true;
  }

  #flush(): void {
    const turn = this.#turn;
    const turnBytes = this.#turnBytes;
    if (turn.length === 0) return;
    this.#turn = [];
    this.#turnBytes = 0;
    this.#sink.write(asBuffer(together(turn)), () => {
      this.#waitingBytes -= turnBytes;
    });
  }
}

function together(messages: readonly Uint8Array[]): Uint8Array {
  const [only] = messages;
  if (only !== undefined && messages.length === 1) return only;
  const writer = new BinaryWriter().uint32(BATCH_TAG).fork();
  for (const bytes of messages) writer.uint32(MESSAGES_TAG).bytes(bytes);
  return writer.join().finish();
}
