/** Finds marks like [src/main.ts:10-24] in text as it streams, and makes citations of those that name real lines. */
import type { Chunk } from "@perdure/agent";
import type { Library } from "../folder/library.ts";
import { sourceChunk } from "../output/cited-text.ts";

const MARK = /\[([^[\]\s:]+):(\d{1,7})(?:-(\d{1,7}))?\]/g;
const MAX_LINES = 60;

export class CitationFinder {
  readonly #library: Library;
  readonly #known = new Set<string>();
  #text = "";
  #searched = 0;

  constructor(library: Library) {
    this.#library = library;
  }

  /** The text part ended; what comes next counts from 0. */
  interrupt(): void {
    this.#text = "";
    this.#searched = 0;
  }

  /** The sources and citations that the text so far has come to with this piece. */
  *found(piece: string): Generator<Chunk> {
    this.#text += piece;
    MARK.lastIndex = this.#searched;
    for (let match = MARK.exec(this.#text); match !== null; match = MARK.exec(this.#text)) {
      this.#searched = MARK.lastIndex;
      const [mark, path = "", from = "", to = from] = match;
      const [first, last] = [Number(from), Math.min(Number(to), Number(from) + MAX_LINES - 1)];
      const lineCount = this.#library.file(path)?.lines.length ?? 0;
      if (first < 1 || last < first || last > lineCount) continue;
      const id = mark.slice(1, -1);
      if (!this.#known.has(id)) {
        this.#known.add(id);
        yield sourceChunk({ path, first, last, text: this.#library.read(path, first, last) }, id);
      }
      yield { kind: "citation", source: id, start: match.index, end: match.index + mark.length };
    }
  }
}
