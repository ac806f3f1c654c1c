/** Files cut into passages that can be found, quoted and cited by line. */
import type { SourceFile } from "./files.ts";

export interface Passage {
  readonly path: string;
  /** Lines, counting from 1, both included. */
  readonly first: number;
  readonly last: number;
  /** In prose: the headings above it, outermost first. */
  readonly headings: readonly string[];
  readonly text: string;
}

const MAX_LINES = 32;

/** The passages of a file: sections of prose, blocks of code; together they hold every line that is not blank. */
export function passagesOf(file: SourceFile): Passage[] {
  const passages: Passage[] = [];
  const headings: string[] = [];
  let start = 0;
  let fenced = false;
  const close = (end: number): void => {
    const text = file.lines.slice(start, end).join("\n");
    if (text.trim() !== "") {
      passages.push({ path: file.path, first: start + 1, last: end, headings: headings.filter(Boolean), text });
    }
    start = end;
  };
  for (const [index, line] of file.lines.entries()) {
    if (file.kind === "prose" && /^\s*(```|~~~)/.test(line)) fenced = !fenced;
    const heading = file.kind === "prose" && !fenced ? /^(#{1,6})\s+(.*?)\s*#*$/.exec(line) : null;
    if (heading !== null) {
      close(index);
      const depth = heading[1]?.length ?? 1;
      headings.splice(depth - 1);
      headings[depth - 1] = heading[2] ?? "";
    } else if (index > start && !fenced && begins(file, index, index - start)) close(index);
  }
  close(file.lines.length);
  return passages;
}

// Prose goes by paragraphs, code by blocks that start at the margin after a blank line; both end at the limit.
function begins(file: SourceFile, index: number, length: number): boolean {
  if (length >= MAX_LINES) return true;
  const line = file.lines[index] ?? "";
  const afterBlank = (file.lines[index - 1] ?? "").trim() === "" && line.trim() !== "";
  if (file.kind === "prose") return afterBlank && length >= 4;
  return afterBlank && /^\S/.test(line) && length >= 6;
}
