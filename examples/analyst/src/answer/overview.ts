/** What a folder, or a part of it, holds: read from its README, manifests, opening comments and definitions. */
import { openingComment } from "../folder/definitions.ts";
import type { Definition } from "../folder/definitions.ts";
import { isGenerated } from "../folder/files.ts";
import type { SourceFile } from "../folder/files.ts";
import type { Library } from "../folder/library.ts";
import { sentencesOf } from "../folder/words.ts";
import { described } from "./evidence.ts";
import type { DefinitionFound, Quote } from "./evidence.ts";
import type { Source } from "./source.ts";

export interface Part {
  /** Path of the folder or file. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly fileCount: number;
  readonly lineCount: number;
  /** What it says of itself; absent: nothing. */
  readonly says?: Quote;
}

export interface Overview {
  /** Path it speaks of; empty: the whole folder. */
  readonly path: string;
  readonly intro: readonly Quote[];
  readonly parts: readonly Part[];
  readonly definitions: readonly DefinitionFound[];
  readonly fileCount: number;
  readonly lineCount: number;
  readonly testFileCount: number;
}

const MAX_PARTS = 24;

/** Looks over the folder below `path` (empty: all of it), or over one file. */
export function lookOver(library: Library, path: string): Overview {
  const files = library.files.filter((file) => path === "" || file.path === path || file.path.startsWith(`${path}/`));
  return {
    path,
    intro: introOf(files, path),
    parts: partsOf(files, path).slice(0, MAX_PARTS),
    definitions: mainDefinitions(library, files, files.length === 1 ? 8 : 5),
    fileCount: files.length,
    lineCount: countLines(files),
    testFileCount: files.filter(({ kind }) => kind === "test").length,
  };
}

// The README's first paragraphs; without one, the description of a manifest or the opening comment of the first file.
function introOf(files: readonly SourceFile[], path: string): Quote[] {
  const readme = files.find((file) => /^readme(\.\w+)?$/i.test(below(file.path, path)));
  if (readme !== undefined) return firstParagraphs(readme, 2);
  const said = saysOf(files, path);
  return said === undefined ? [] : [said];
}

function firstParagraphs(file: SourceFile, count: number): Quote[] {
  const quotes: Quote[] = [];
  for (let index = 0; index < file.lines.length && quotes.length < count; index += 1) {
    const line = file.lines[index] ?? "";
    if (/^\s*(```|~~~)/.test(line)) break;
    if (!/^[\p{L}"'*_`]/u.test(line) || line.length < 40) continue;
    let last = index;
    while ((file.lines[last + 1] ?? "").trim() !== "" && !/^[#|`]/.test(file.lines[last + 1] ?? "")) last += 1;
    const text = file.lines.slice(index, last + 1).join("\n");
    quotes.push({
      text: text.replace(/\s+/g, " "),
      source: { path: file.path, first: index + 1, last: last + 1, text },
    });
    index = last;
  }
  return quotes;
}

// Files that say the same in every project.
const OF_EVERY_PROJECT = /\.config\.\w+$|^(license|notice|security|contributing|code_of_conduct|changelog|readme)\b/i;

/** The folders and files right below `path`; a folder that holds only folders is shown by these. */
function partsOf(files: readonly SourceFile[], path: string): Part[] {
  const groups = new Map<string, SourceFile[]>();
  for (const file of files) {
    const [name = "", ...rest] = below(file.path, path).split("/");
    if (rest.length === 0 && path === "" && (file.kind === "data" || OF_EVERY_PROJECT.test(name))) continue;
    const key = path === "" ? name : `${path}/${name}`;
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups].flatMap(([key, inside]) => {
    const onlyFolders = inside.every((file) => below(file.path, key).includes("/"));
    const children = onlyFolders ? partsOf(inside, key) : [];
    return children.length > 1 && children.length <= MAX_PARTS ? children : [partOf(key, inside)];
  });
}

function partOf(path: string, files: readonly SourceFile[]): Part {
  const says = saysOf(files, path);
  return {
    path,
    isFolder: files[0]?.path !== path,
    fileCount: files.length,
    lineCount: countLines(files),
    ...(says === undefined ? {} : { says }),
  };
}

/** What a folder or file says of itself, in one sentence. */
function saysOf(files: readonly SourceFile[], path: string): Quote | undefined {
  const manifest = files.find((file) => below(file.path, path) === "package.json");
  const at = manifest?.lines.findIndex((line) => /^\s*"description":/.test(line)) ?? -1;
  if (manifest !== undefined && at >= 0) {
    const text = /"description":\s*"(.*?)",?\s*$/.exec(manifest.lines[at] ?? "")?.[1];
    if (text !== undefined) return { text, source: lineOf(manifest, at + 1) };
  }
  for (const file of files.filter(({ path: one }) => !isGenerated(one)).toSorted((a, b) => speaks(b) - speaks(a))) {
    const [sentence] = sentencesOf(
      file.kind === "prose" ? (firstParagraphs(file, 1)[0]?.text ?? "") : openingComment(file),
    );
    if (sentence !== undefined && sentence.length > 20)
      return { text: sentence, source: lineOf(file, lineWith(file, sentence)) };
  }
  return undefined;
}

// Which file of a folder is likely to say what the folder is for.
function speaks(file: SourceFile): number {
  if (/readme/i.test(file.path)) return 4;
  if (/(^|\/)(index|main|mod|lib|__init__)\.\w+$/.test(file.path)) return 3;
  return file.kind === "code" ? 2 : file.kind === "prose" ? 1 : 0;
}

function lineWith(file: SourceFile, sentence: string): number {
  const start = sentence.slice(0, 24);
  return (
    Math.max(
      0,
      file.lines.findIndex((line) => line.includes(start)),
    ) + 1
  );
}

const lineOf = (file: SourceFile, line: number): Source => ({
  path: file.path,
  first: line,
  last: line,
  text: file.lines[line - 1] ?? "",
});

// A name that is no everyday word, so that counting where it stands counts its uses.
const TELLING_NAME = /^[A-Z]\w{3}|[a-z][A-Z]|\w_\w/;

// The definitions that most other files name, with a comment to show for it.
function mainDefinitions(library: Library, files: readonly SourceFile[], limit: number): DefinitionFound[] {
  const paths = new Set(files.filter(({ kind }) => kind === "code").map(({ path }) => path));
  const candidates = library.definitions.filter(
    ({ path, exported, comment, name }) =>
      paths.has(path) && exported && comment !== "" && TELLING_NAME.test(name) && !isGenerated(path),
  );
  const uses = fileCounts(library, candidates);
  return candidates
    .toSorted((a, b) => (uses.get(b.name) ?? 0) - (uses.get(a.name) ?? 0))
    .slice(0, limit)
    .map((definition) => described(definition, library));
}

// In how many files each name stands outside comments: one pass over the words of every file.
function fileCounts(library: Library, candidates: readonly Definition[]): Map<string, number> {
  const counts = new Map(candidates.map(({ name }) => [name, 0]));
  for (const file of library.files) {
    if (file.kind !== "code" && file.kind !== "test") continue;
    const code = file.lines.filter((line) => !/^\s*(\/\/|\/?\*|#)/.test(line));
    const words = new Set(code.flatMap((line) => line.match(/[A-Za-z_$][\w$]*/g) ?? []));
    for (const word of words) {
      const count = counts.get(word);
      if (count !== undefined) counts.set(word, count + 1);
    }
  }
  return counts;
}

const below = (path: string, folder: string): string => (folder === "" ? path : path.slice(folder.length + 1));
const countLines = (files: readonly SourceFile[]): number => files.reduce((sum, { lines }) => sum + lines.length, 0);
