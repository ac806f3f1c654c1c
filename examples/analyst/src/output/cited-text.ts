/** Pieces of an answer as the chunks of a pipe: sources first, then words at a pace, each citation after its mark. */
import type { Chunk } from "@perdure/agent";
import { place } from "../answer/source.ts";
import type { Piece, Source } from "../answer/source.ts";
import { tokensOf } from "./pace.ts";
import type { Pace } from "./pace.ts";

export interface WriteOptions {
  readonly pace: Pace;
  readonly signal: AbortSignal;
  /** Told of each token before it is handed on. */
  readonly onText: (text: string) => void;
  /** Told how many tokens are still to come, with each line. */
  readonly onLine: (tokensLeft: number) => void;
  /** Asked at each end of a line: whether to leave it at that. */
  readonly enough: () => boolean;
}

/** A chunk that is a source, under the number that its citations show. */
export const sourceChunk = (source: Source, id: string): Chunk => ({
  kind: "source",
  id,
  title: place(source),
  url: `${source.path}#L${source.first}-L${source.last}`,
  text: source.text,
});

/** Writes the pieces; stops in the middle where the signal says so. */
export async function* written(pieces: readonly Piece[], options: WriteOptions): AsyncGenerator<Chunk> {
  const { pace, signal, onText, onLine, enough } = options;
  const sources = numbered(pieces);
  for (const { id, source } of sources.values()) yield sourceChunk(source, id);
  const queue = tokens(pieces, sources);
  let at = 0;
  for (const [index, token] of queue.entries()) {
    await pace.turn(signal);
    if (signal.aborted) return;
    onText(token.text);
    yield token.text;
    if (token.source !== undefined) {
      const end = at + token.text.trimEnd().length;
      yield { kind: "citation", source: token.source, start: end - token.source.length - 2, end };
    }
    at += token.text.length;
    if (!token.text.includes("\n")) continue;
    onLine(queue.length - index - 1);
    if (enough()) return;
  }
}

function numbered(pieces: readonly Piece[]): Map<string, { id: string; source: Source }> {
  const sources = new Map<string, { id: string; source: Source }>();
  for (const piece of pieces) {
    if (piece.kind !== "cite" || sources.has(place(piece.source))) continue;
    sources.set(place(piece.source), { id: String(sources.size + 1), source: piece.source });
  }
  return sources;
}

interface Token {
  readonly text: string;
  /** The source that the mark at its end cites. */
  readonly source?: string;
}

// The mark of a citation is a token of its own; texts beside each other are one, so that no word is torn apart.
function tokens(pieces: readonly Piece[], sources: ReadonlyMap<string, { id: string }>): Token[] {
  const joined: Token[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (piece.kind === "cite") {
      const source = sources.get(place(piece.source))?.id ?? "";
      joined.push({ text: `[${source}]`, source });
    } else if (last !== undefined && last.source === undefined)
      joined[joined.length - 1] = { text: last.text + piece.text };
    else joined.push({ text: piece.text });
  }
  return joined.flatMap((token) =>
    token.source === undefined ? tokensOf(token.text).map((text) => ({ text })) : [token],
  );
}
