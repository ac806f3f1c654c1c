import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ProtocolError } from "./errors.ts";
import { writtenBytes } from "./shared-writer.ts";

/** Tags of `ConnectRequest.batch`, `ConnectResponse.batch` and of the messages in both: field number * 8 + 2. */
const BATCH_TAGS = { requests: 10 * 8 + 2, responses: 11 * 8 + 2 };
const MESSAGES_TAG = 1 * 8 + 2;
/** What goes out as one: a reader takes only so much, and a message of its own may be longer. */
const BATCH_BYTES = 64 * 1024;

export interface TurnBatchOptions {
  readonly of: keyof typeof BATCH_TAGS;
  /** Calls back at the end of the turn of the loop: Node's `setImmediate`. */
  schedule(atEnd: () => void): unknown;
  /** Takes what goes out as one message, and how many bytes it carries. */
  write(bytes: Uint8Array, carriedBytes: number): void;
}

/** What one turn of the loop brings goes out as one message, since a write costs more than what is in it. */
export class TurnBatch {
  readonly #options: TurnBatchOptions;
  #messages: Uint8Array[] = [];
  #bytes = 0;

  constructor(options: TurnBatchOptions) {
    this.#options = options;
  }

  /** Adds an encoded request or response. */
  add(message: Uint8Array): void {
    if (this.#messages.length > 0 && this.#bytes + message.byteLength > BATCH_BYTES) this.flush();
    if (this.#messages.length === 0) this.#options.schedule(() => this.flush());
    this.#messages.push(message);
    this.#bytes += message.byteLength;
  }

  /** Hands on now what there is. */
  flush(): void {
    const messages = this.#messages;
    const bytes = this.#bytes;
    if (messages.length === 0) return;
    this.#messages = [];
    this.#bytes = 0;
    this.#options.write(together(BATCH_TAGS[this.#options.of], messages), bytes);
  }
}

function together(batchTag: number, messages: readonly Uint8Array[]): Uint8Array {
  const [only] = messages;
  if (only !== undefined && messages.length === 1) return only;
  const bytes = writtenBytes((writer) => {
    writer.uint32(batchTag).fork();
    for (const message of messages) writer.uint32(MESSAGES_TAG).bytes(message);
    writer.join();
    return true;
  });
  if (bytes === undefined) throw new RangeError("a batch holds less than 4 GiB");
  return bytes;
}

/** The messages in the bytes of one, which may be a batch: each still in bytes. Throws ProtocolError `malformed`. */
export function messagesIn(of: TurnBatchOptions["of"], bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes[0] !== BATCH_TAGS[of]) return [bytes];
  const messages: Uint8Array[] = [];
  try {
    const reader = new BinaryReader(bytes);
    reader.uint32();
    if (reader.uint32() !== reader.len - reader.pos) throw malformed(of);
    while (reader.pos < reader.len) {
      if (reader.uint32() !== MESSAGES_TAG) throw malformed(of);
      messages.push(reader.bytes());
    }
  } catch (cause) {
    throw malformed(of, cause);
  }
  return messages;
}

const malformed = (of: TurnBatchOptions["of"], cause?: unknown): ProtocolError =>
  new ProtocolError("malformed", `a batch of ${of} that is none`, { cause });
