/** What an answer is made of: text, and the lines it rests on. */

/** Lines of a file, quoted as they were when they were read. */
export interface Source {
  readonly path: string;
  /** Counting from 1, both included. */
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

/** `cite` puts the number of its source into the text. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "cite"; readonly source: Source };

export const text = (value: string): Piece => ({ kind: "text", text: value });
export const cite = (source: Source): Piece => ({ kind: "cite", source });

/** `path:first-last`, as editors understand it. */
export function place({ path, first, last }: Source): string {
  return last > first ? `${path}:${first}-${last}` : `${path}:${first}`;
}
