/** Questions to begin with, made from what a folder holds. */
import { basename } from "node:path";
import { lookOver } from "./answer/overview.ts";
import type { Library } from "./folder/library.ts";

const HEADINGS_TO_ASK = /^[\p{L}\p{N} ,'’-]{10,60}$/u;
const DULL =
  /install|table of contents|getting started|^decisions|usage|security|todo|^help|^status$|^context$|^consequences$/i;
const OF_EVERY_PROJECT = /licen[cs]e|changelog|contributing|security|code_of_conduct|notice|(^|\/)adr\//i;
const MAX_QUESTIONS = 4;

/** Up to four questions that have an answer in the folder. */
export function suggestionsFor(library: Library): string[] {
  const headings = library.files
    .filter(({ path, kind }) => kind === "prose" && !OF_EVERY_PROJECT.test(path))
    .toSorted((a, b) => depth(a.path) - depth(b.path))
    .flatMap(({ lines }) => lines.flatMap((line) => /^##\s+(.*?)\s*#*$/.exec(line)?.[1] ?? []))
    .filter((heading) => HEADINGS_TO_ASK.test(heading) && !DULL.test(heading));
  const [definition] = lookOver(library, "").definitions.filter(({ kind }) =>
    /^(class|function|struct|def|fn)$/.test(kind),
  );
  const questions = [
    "What is this project, and how is it organised?",
    ...[...new Set(headings)].slice(0, 2).map((heading) => `What do the files say about “${heading}”?`),
    ...(library.files.some(({ kind }) => kind === "test")
      ? ["Which tests say what happens when something fails?"]
      : []),
    ...(definition === undefined ? [] : [`What is ${definition.name}, and where is it used?`]),
  ];
  return questions.slice(0, MAX_QUESTIONS);
}

/** What to call the folder: the name in its manifest, else the folder's own. */
export function titleOf(library: Library): string {
  const manifest = library.file("package.json")?.lines ?? [];
  const named = manifest.flatMap((line) => /^\s*"name":\s*"([^"]{1,64})"/.exec(line)?.[1] ?? []);
  return named[0] ?? basename(library.folder);
}

const depth = (path: string): number => path.split("/").length;
