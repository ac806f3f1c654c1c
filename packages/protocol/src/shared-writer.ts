import { BinaryWriter } from "@bufbuild/protobuf/wire";

/** A buffer that one long message has made larger than this is not kept. */
const KEPT_BYTES = 128 * 1024;

/** A writer's buffer outlives `finish`, and a new one costs more than all that is written into it. */
let kept: BinaryWriter | undefined;

/** What `write` writes; undefined where it says that it cannot, or cannot. */
export function writtenBytes(write: (writer: BinaryWriter) => boolean): Uint8Array | undefined {
  const writer = kept ?? new BinaryWriter();
  // What is left half written is not gone on with.
  kept = undefined;
  try {
    if (!write(writer)) return undefined;
  } catch {
    // A number out of its range, or no text.
    return undefined;
  }
  const bytes = writer.finish();
  if (bytes.byteLength <= KEPT_BYTES) kept = writer;
  return bytes;
}
