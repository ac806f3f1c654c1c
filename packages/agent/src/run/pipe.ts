import { PerdureError } from "@perdure/core";
import type { AudienceJson, MessageStateJson } from "@perdure/protocol";
import { ChunkReader } from "./chunk-reader.ts";
import type { Chunk } from "./chunks.ts";
import { MessageWriter } from "./message-writer.ts";
import type { RunScope } from "./scope.ts";
import type { Steps } from "./steps.ts";

export interface PipeOptions {
  /** Names the pipe across attempts; default: its place among the run's pipes. */
  readonly key?: string;
  /** For people. */
  readonly label?: string;
  readonly audience?: AudienceJson;
}

/** Text up to this many UTF-16 units is kept with the step; longer text is read from its messages. */
const KEPT_LENGTH = 8_192;

/** What the step of a pipe leaves for later attempts. */
interface Piped {
  readonly messageIds: readonly string[];
  readonly text?: string;
}

const isPiped = (value: unknown): value is Piped =>
  typeof value === "object" && value !== null && "messageIds" in value && Array.isArray(value.messageIds);

/**
 * Streams what an iterable yields into the session, as a durable step: a pipe that an earlier attempt finished is not
 * done again. The iterable waits where the network does. Resolves to the text. Throws what the iterable throws.
 */
export async function pipe(
  scope: RunScope,
  steps: Steps,
  source: AsyncIterable<Chunk> | Iterable<Chunk>,
  options: PipeOptions = {},
): Promise<string> {
  const key = options.key ?? steps.keyOf("pipe");
  let written: string | undefined;
  const kept = await steps.run(key, { label: options.label ?? "" }, async (step): Promise<Piped> => {
    const audience = options.audience === undefined ? {} : { audience: options.audience };
    const writer = new MessageWriter(scope, { stepId: step.id, ...audience });
    const reader = new ChunkReader(source, scope);
    try {
      for (;;) {
        if (!scope.goesOn) await scope.unpaused();
        const next = await reader.next();
        if (next.done === true) break;
        await writer.add(next.value);
      }
    } catch (error) {
      reader.letGo();
      await closeAfter(writer, scope);
      throw error;
    } finally {
      reader.close();
    }
    await writer.close("FINISH_REASON_STOP");
    await writer.accepted();
    written = writer.text;
    return { messageIds: writer.messageIds, ...(written.length <= KEPT_LENGTH ? { text: written } : {}) };
  });
  return written ?? textOf(kept, scope);
}

async function closeAfter(writer: MessageWriter, scope: RunScope): Promise<void> {
  try {
    await writer.close(scope.signal.aborted ? "FINISH_REASON_CANCELLED" : "FINISH_REASON_ERROR");
  } catch (failure) {
    // Nothing can be written any more; the error that led here says why.
    if (!(failure instanceof PerdureError)) throw failure;
  }
}

/** The text of a pipe that an earlier attempt finished. Throws PerdureError `archived` where it cannot be found. */
async function textOf(kept: unknown, scope: RunScope): Promise<string> {
  if (!isPiped(kept)) {
    throw new PerdureError("invalid_event", "the step of this key was no pipe: give pipes keys of their own");
  }
  if (kept.text !== undefined) return kept.text;
  const current = new Map((scope.head().messages ?? []).map((message) => [message.id, message]));
  const gone = kept.messageIds.filter((id) => !current.has(id));
  const past = gone.length === 0 ? [] : await scope.link.past(gone);
  for (const message of past) current.set(message.id, message);
  return kept.messageIds.map((id) => textOfMessage(id, current.get(id))).join("");
}

function textOfMessage(id: string, message: MessageStateJson | undefined): string {
  if (message === undefined) throw new PerdureError("archived", `message ${id} is in no page of the session's past`);
  const texts = (message.parts ?? []).filter(({ part }) => part?.kind === "PART_KIND_TEXT");
  return texts.map(({ part }) => part?.text ?? "").join("");
}
