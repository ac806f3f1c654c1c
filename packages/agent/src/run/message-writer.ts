import { jsonText, LIMITS, PerdureError } from "@perdure/core";
import type { AudienceJson, EventJson, FinishReasonJson, PartSpecJson } from "@perdure/protocol";
import type { Written } from "../link/outbox.ts";
import { isStreamed } from "./chunks.ts";
import type { Chunk, Citation, StreamedChunk, WholeChunk } from "./chunks.ts";
import { cutAt } from "./cut-at.ts";
import type { RunScope } from "./scope.ts";

/** UTF-16 units of one append, merged ones too. */
const APPEND_LENGTH = 16_384;
/** What is left free in a message, so that what is on its way never fills it. */
const SPARE_BYTES = 32 * 1024;
const JSON_BYTES = 64 * 1024;
const NOTE_BYTES = 4 * 1024;

interface OpenPart {
  readonly id: string;
  /** Chunks of the same stream go on in it. */
  readonly stream: string;
  length: number;
}

export interface MessageOptions {
  readonly stepId: string;
  readonly audience?: AudienceJson;
}

/**
 * Writes chunks as the parts of a message, and goes on in a message that continues it where that one is full. Nothing
 * is written before there is something to say, and nothing waits for a verdict but where there is no room.
 */
export class MessageWriter {
  readonly #scope: RunScope;
  readonly #options: MessageOptions;
  readonly #messageIds: string[] = [];
  readonly #sources = new Map<string, string>();
  #open = false;
  #part: OpenPart | undefined;
  /** The text part that citations speak of, and how far they have come in it. */
  #cited: { part: OpenPart; until: number } | undefined;
  #bytes = 0;
  #partCount = 0;
  #highSurrogate = "";
  #text = "";
  #last: Written | undefined;
  #refused: PerdureError | undefined;

  constructor(scope: RunScope, options: MessageOptions) {
    this.#scope = scope;
    this.#options = options;
  }

  /** Everything written as text. */
  get text(): string {
    return this.#text;
  }

  get messageIds(): readonly string[] {
    return this.#messageIds;
  }

  /** Throws what refused an earlier chunk: nothing after it would stand where it should. */
  async add(chunk: Chunk): Promise<void> {
    if (this.#refused !== undefined) throw this.#refused;
    const object = typeof chunk === "string" ? { kind: "text" as const, text: chunk } : chunk;
    if (isStreamed(object)) await this.#stream(object);
    else if (object.kind === "citation") await this.#cite(object);
    else await this.#addWhole(object);
  }

  /** Settles when everything has been accepted. Throws PerdureError with the first refusal. */
  async accepted(): Promise<void> {
    await this.#last?.applied.catch(() => undefined);
    if (this.#refused !== undefined) throw this.#refused;
  }

  /** Closes the message, if there is one. It may be called when the run has to stop. */
  async close(finish: FinishReasonJson): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#scope.settled();
    const messageId = this.#messageIds.at(-1) ?? "";
    this.#watch(this.#scope.writeNow(() => [{ messageClosed: { messageId, finish } }], this.#options.audience));
  }

  async #stream(chunk: StreamedChunk): Promise<void> {
    const stream = chunk.kind === "toolInput" ? `call:${chunk.callId}` : chunk.kind;
    if (this.#part?.stream !== stream) this.#highSurrogate = "";
    // A pair that the model's tokens tear apart is written when it is whole.
    let rest = this.#highSurrogate + chunk.text;
    this.#highSurrogate = /[\uD800-\uDBFF]$/.test(rest) ? rest.slice(-1) : "";
    rest = rest.slice(0, rest.length - this.#highSurrogate.length).toWellFormed();
    if (chunk.kind === "text") this.#text += rest;
    while (rest !== "") {
      const piece = cutAt(rest, APPEND_LENGTH);
      rest = rest.slice(piece.length);
      await this.#append(stream, piece, chunk);
    }
  }

  async #append(stream: string, text: string, chunk: StreamedChunk): Promise<void> {
    const bytes = Buffer.byteLength(text);
    if (this.#isFullFor(bytes)) await this.#goOnInAnother();
    const part = this.#part;
    if (part?.stream !== stream) {
      await this.#openPart({ ...specOf(chunk), text }, stream);
      return;
    }
    this.#bytes += bytes;
    const event = { partAppended: { partId: part.id, at: part.length, text } };
    part.length += text.length;
    this.#watch(
      await this.#scope.writeMerged(event, (earlier) => mergeAppends(earlier, event), this.#options.audience),
    );
  }

  async #addWhole(chunk: WholeChunk): Promise<void> {
    const spec = specOfWhole(chunk);
    if (this.#isFullFor(bytesOf(spec))) await this.#goOnInAnother();
    const id = await this.#openPart(spec);
    if (chunk.kind === "source") this.#sources.set(chunk.id, id);
  }

  async #cite(chunk: Citation): Promise<void> {
    const cited = this.#cited;
    if (cited === undefined) return;
    const start = chunk.start ?? cited.until;
    const end = chunk.end ?? cited.part.length;
    cited.until = end;
    const targetPartId = this.#sources.get(chunk.source) ?? "";
    const metadata = chunk.data === undefined ? "" : jsonText("the citation's data", chunk.data, NOTE_BYTES);
    const annotation = { kind: "citation", start, end, targetPartId, metadata };
    const event: EventJson = { partAnnotated: { partId: cited.part.id, annotation } };
    this.#watch(await this.#scope.write(() => [event], this.#options.audience));
  }

  /** Opens a part, and the message with the first one. A part that streams replaces the one that did; others are whole. */
  async #openPart(part: PartSpecJson, stream?: string): Promise<string> {
    let partId = "";
    const closing = stream === undefined && part.kind === "PART_KIND_SOURCE" ? undefined : this.#part;
    const written = await this.#scope.write((id) => {
      const events: EventJson[] = closing === undefined ? [] : [{ partClosed: { partId: closing.id } }];
      if (!this.#open) events.push(this.#openMessage(id(events.length)));
      partId = id(events.length);
      const messageId = this.#messageIds.at(-1) ?? "";
      events.push({ partOpened: { messageId, part, complete: stream === undefined } });
      return events;
    }, this.#options.audience);
    this.#watch(written);
    if (closing !== undefined) this.#part = undefined;
    if (stream !== undefined) this.#part = { id: partId, stream, length: part.text?.length ?? 0 };
    if (stream === "text" && this.#part !== undefined) this.#cited = { part: this.#part, until: 0 };
    this.#bytes += bytesOf(part);
    this.#partCount += 1;
    return partId;
  }

  #openMessage(id: string): EventJson {
    const continues = this.#messageIds.at(-1);
    const parentId = this.#scope.nextParent(id, this.#options.stepId);
    this.#messageIds.push(id);
    this.#open = true;
    return {
      messageOpened: {
        parentId,
        role: "MESSAGE_ROLE_ASSISTANT",
        runId: this.#scope.runId,
        stepId: this.#options.stepId,
        ...(continues === undefined ? {} : { continues }),
      },
    };
  }

  #watch(written: Written): void {
    if (written === this.#last) return;
    this.#last = written;
    written.applied.catch((error: unknown) => {
      this.#refused ??= error instanceof PerdureError ? error : new PerdureError("internal", String(error));
    });
  }

  /** The message cannot take as much more. */
  #isFullFor(bytes: number): boolean {
    const isFull = this.#bytes + bytes > LIMITS.messageBytes - SPARE_BYTES || this.#partCount >= LIMITS.partsPerMessage;
    return this.#open && isFull && this.#bytes > 0;
  }

  /** Closes the message: the next part opens one that continues it. */
  async #goOnInAnother(): Promise<void> {
    await this.close("FINISH_REASON_STOP");
    this.#part = this.#cited = undefined;
    this.#bytes = this.#partCount = 0;
  }
}

function mergeAppends(earlier: EventJson, later: EventJson): EventJson | undefined {
  const first = earlier.partAppended;
  const second = later.partAppended;
  if (first === undefined || second === undefined || first.partId !== second.partId) return undefined;
  const text = (first.text ?? "") + (second.text ?? "");
  return text.length > APPEND_LENGTH ? undefined : { partAppended: { ...first, text } };
}

function specOf(chunk: StreamedChunk): PartSpecJson {
  if (chunk.kind === "text") return { kind: "PART_KIND_TEXT" };
  if (chunk.kind === "reasoning") return { kind: "PART_KIND_REASONING" };
  return { kind: "PART_KIND_TOOL_CALL", callId: chunk.callId, name: chunk.name, site: "TOOL_SITE_AGENT" };
}

function specOfWhole(chunk: WholeChunk): PartSpecJson {
  switch (chunk.kind) {
    case "toolCall": {
      const text = jsonText(`the input of ${chunk.name}`, chunk.input, JSON_BYTES);
      return { kind: "PART_KIND_TOOL_CALL", callId: chunk.callId, name: chunk.name, text, site: "TOOL_SITE_AGENT" };
    }
    case "toolResult": {
      const text = jsonText("the output of a tool", chunk.output, JSON_BYTES);
      return { kind: "PART_KIND_TOOL_RESULT", callId: chunk.callId, text, failed: chunk.failed ?? false };
    }
    case "source": {
      const metadata = chunk.data === undefined ? "" : jsonText("the source's data", chunk.data, NOTE_BYTES);
      return { kind: "PART_KIND_SOURCE", name: chunk.title, url: chunk.url ?? "", text: chunk.text ?? "", metadata };
    }
    case "file": {
      const { url, mediaType, name = "", sizeBytes = 0 } = chunk;
      return { kind: "PART_KIND_FILE", url, mediaType, name, sizeBytes: String(sizeBytes) };
    }
    case "data":
      return { kind: "PART_KIND_DATA", name: chunk.name, text: jsonText(chunk.name, chunk.value, JSON_BYTES) };
  }
}

const bytesOf = (part: PartSpecJson): number =>
  [part.text, part.name, part.url, part.metadata].reduce((sum, text = "") => sum + Buffer.byteLength(text), 0);
