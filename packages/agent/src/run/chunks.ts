/** What a piped stream may yield. A string is text. Inputs, outputs, values and data are JSON. */
export type Chunk = string | StreamedChunk | WholeChunk | Citation;

/** A piece of something that streams: it goes on in the same part until a chunk of another kind comes. */
export type StreamedChunk =
  | { readonly kind: "text"; readonly text: string }
  /** Thinking, shown apart from the answer. */
  | { readonly kind: "reasoning"; readonly text: string }
  /** A piece of a tool call's input, as the model writes it. */
  | { readonly kind: "toolInput"; readonly callId: string; readonly name: string; readonly text: string };

/** Something that is complete when it comes. */
export type WholeChunk =
  | { readonly kind: "toolCall"; readonly callId: string; readonly name: string; readonly input: unknown }
  | { readonly kind: "toolResult"; readonly callId: string; readonly output: unknown; readonly failed?: boolean }
  | Source
  | {
      readonly kind: "file";
      readonly url: string;
      readonly mediaType: string;
      readonly name?: string;
      readonly sizeBytes?: number;
    }
  | { readonly kind: "data"; readonly name: string; readonly value: unknown };

/** A source; `id` is what citations in the same pipe call it. */
export interface Source {
  readonly kind: "source";
  readonly id: string;
  readonly title: string;
  readonly url?: string;
  /** The passage. */
  readonly text?: string;
  readonly data?: unknown;
}

/** Text piped so far rests on a source: the stretch of the current text part, by default all since the last citation. */
export interface Citation {
  readonly kind: "citation";
  readonly source: string;
  /** UTF-16 units. */
  readonly start?: number;
  readonly end?: number;
  readonly data?: unknown;
}

export const isStreamed = (chunk: Exclude<Chunk, string>): chunk is StreamedChunk =>
  chunk.kind === "text" || chunk.kind === "reasoning" || chunk.kind === "toolInput";
