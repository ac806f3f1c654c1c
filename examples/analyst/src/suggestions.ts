/** Questions to begin with, made from what a folder holds. */
import { lookOver } from "./answer/overview.ts";
import type { Library } from "./folder/library.ts";

const HEADINGS_TO_ASK = /^[\p{L}\p{N} ,'’-]{12,60}$/u;
const DULL =
  /licen[cs]e|contribut|install|changelog|table of contents|getting started|decisions|usage|security|todo|help/i;

/** Three or four questions that have an answer in the folder. */
export function suggestionsFor(library: Library): string[] {
  const questions = ["What is this project, and how is it organised?"];
  const headings = library.files
    .filter(({ path, kind }) => kind === "prose" && !/licen[cs]e|changelog/i.test(path))
    .toSorted((a, b) => depth(a.path) - depth(b.path))
    .flatMap(({ lines }) => lines.flatMap((line) => /^##\s+(.*?)\s*#*$/.exec(line)?.[1] ?? []))
    .filter((heading) => HEADINGS_TO_ASK.test(heading) && !DULL.test(heading));
  questions.push(...[...new Set(headings)].slice(0, 2).map((heading) => `What do the files say about “${heading}”?`));
  const [definition] = lookOver(library, "").definitions.filter(({ kind }) =>
    /^(class|function|struct|def|fn)$/.test(kind),
  );
  if (definition !== undefined) questions.push(`What is \`${definition.name}\`, and where is it used?`);
  if (library.files.some(({ kind }) => kind === "test"))
    questions.push("Which tests say what happens when something fails?");
  return questions.slice(0, 4);
}

const depth = (path: string): number => path.split("/").length;
