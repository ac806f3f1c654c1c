/** What the files say about a topic: sentences, definitions, tests. Each piece knows its lines. */
import type { Definition } from "../folder/definitions.ts";
import { isGenerated } from "../folder/files.ts";
import type { SourceFile } from "../folder/files.ts";
import type { Found, Library } from "../folder/library.ts";
import type { Passage } from "../folder/passages.ts";
import { sentencesOf, termsOf } from "../folder/words.ts";
import { accepts } from "./plan.ts";
import type { Plan } from "./plan.ts";
import type { Source } from "./source.ts";

export interface Quote {
  readonly text: string;
  readonly source: Source;
}

export interface DefinitionFound {
  readonly name: string;
  readonly kind: string;
  /** First sentence of its comment; empty: none. */
  readonly says: string;
  readonly source: Source;
  /** Other files that name it, those that do so most first. */
  readonly usedIn: readonly { readonly path: string; readonly line: number; readonly times: number }[];
}

export interface Evidence {
  readonly quotes: readonly Quote[];
  readonly definitions: readonly DefinitionFound[];
  readonly tests: readonly Quote[];
  /** Sections of prose worth reading whole. */
  readonly reading: readonly Quote[];
  readonly passagesRead: number;
  readonly filesRead: number;
}

interface Scored<T> {
  readonly item: T;
  readonly score: number;
}

/** How much of a topic's weight a text covers, 0 to 1; rare terms weigh more. */
export type Coverage = (text: string) => number;

export function coverageOf(terms: readonly string[], library: Library): Coverage {
  const weights = new Map(
    terms.map((term) => [term, Math.log(1 + library.passageCount / (1 + library.passagesWith(term)))]),
  );
  const whole = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  return (text) => {
    if (whole === 0) return 0;
    let covered = 0;
    for (const term of termsOf(text)) covered += weights.get(term) ?? 0;
    return covered / whole;
  };
}

/** Reads the found passages and takes from them what answers the plan's question. */
export function gather(plan: Plan, library: Library, found: readonly Found[]): Evidence {
  const coverage = coverageOf(plan.terms, library);
  const limit = plan.brief ? 2 : 5;
  const passages = found.map(({ passage }) => passage);
  return {
    quotes: plan.intent === "tests" ? [] : quotes(passages, library, coverage, limit),
    definitions: plan.intent === "tests" ? [] : definitions(plan, library, coverage, plan.brief ? 2 : 5),
    tests: plan.withoutTests ? [] : tests(plan, library, coverage, plan.intent === "tests" ? 12 : limit),
    reading: plan.brief ? [] : reading(passages, library),
    passagesRead: passages.length,
    filesRead: new Set(passages.map(({ path }) => path)).size,
  };
}

function quotes(passages: readonly Passage[], library: Library, coverage: Coverage, limit: number): Quote[] {
  // Tests speak for themselves further down; comments in them speak of the tests.
  const explaining = passages.filter(({ path }) => library.file(path)?.kind !== "test");
  const scored = explaining.flatMap((passage, rank) =>
    statementsOf(passage, library).map((item) => ({ item, score: coverage(item.text) * (1 - rank / 60) })),
  );
  return best(scored, limit, 0.3);
}

/** What a passage states and could be quoted: sentences with their paragraph's lines, and rows of tables. */
function statementsOf(passage: Passage, library: Library): Quote[] {
  const prose = library.file(passage.path)?.kind === "prose";
  const paragraphs = prose ? proseParagraphs(passage) : commentParagraphs(passage);
  const sentences = paragraphs.flatMap((paragraph) =>
    sentencesOf(paragraph.text)
      .filter((sentence) => /^["'`*([]?\p{Lu}|^`/u.test(sentence) && /[.!?:)`]$/.test(sentence))
      .filter((sentence) => sentence.length >= 40 && sentence.length <= 420)
      .map((sentence) => ({ text: sentence.replace(/:$/, "."), source: paragraph })),
  );
  return prose ? [...sentences, ...tableRows(passage)] : sentences;
}

function tableRows(passage: Passage): Quote[] {
  const lines = passage.text.split("\n");
  return lines.flatMap((line, index) => {
    const isRow = /^\s*\|.*\|\s*$/.test(line) && !/^[\s|:-]+$/.test(line) && !/^[\s|:-]+$/.test(lines[index + 1] ?? "");
    const cells = line.split("|").map((cell) => cell.trim());
    const text = cells.filter((cell) => cell !== "").join(" · ");
    const at = passage.first + index;
    return isRow && text.length >= 40
      ? [{ text, source: { path: passage.path, first: at, last: at, text: line } }]
      : [];
  });
}

// List items are paragraphs of their own; tables, fences and headings are not prose.
function proseParagraphs(passage: Passage): Source[] {
  let fenced = false;
  return paragraphsWhere(passage, (line) => {
    if (/^\s*(```|~~~)/.test(line)) {
      fenced = !fenced;
      return "out";
    }
    if (fenced || /^\s*$|^#{1,6}\s|^\s*\|/.test(line)) return "out";
    return /^\s*([-*+]|\d+\.)\s/.test(line) ? "begins" : "in";
  }).map((source) => ({ ...source, text: source.text.replace(/^\s*([-*+>]|\d+\.)\s+/gm, "") }));
}

function commentParagraphs(passage: Passage): Source[] {
  return paragraphsWhere(passage, (line) => (/^\s*(\/\/|\/\*|\*|#(?!!))/.test(line) ? "in" : "out")).map((source) => ({
    ...source,
    text: source.text.replace(/^\s*(\/\*\*?|\*\/|\*|\/\/+!?|#+)\s?/gm, "").replace(/\*\/\s*$/gm, ""),
  }));
}

function paragraphsWhere(passage: Passage, place: (line: string) => "in" | "out" | "begins"): Source[] {
  const paragraphs: { first: number; lines: string[] }[] = [];
  let open = false;
  for (const [index, line] of passage.text.split("\n").entries()) {
    const where = place(line);
    if (where !== "out" && (where === "begins" || !open)) paragraphs.push({ first: passage.first + index, lines: [] });
    if (where !== "out") paragraphs.at(-1)?.lines.push(line);
    open = where !== "out";
  }
  return paragraphs.map(({ first, lines }) => ({
    path: passage.path,
    first,
    last: first + lines.length - 1,
    text: lines.join("\n"),
  }));
}

function definitions(plan: Plan, library: Library, coverage: Coverage, limit: number): DefinitionFound[] {
  const accepted = accepts(plan);
  const candidates = library.definitions.filter(({ path }) => {
    const file = library.file(path);
    return file?.kind === "code" && accepted(file) && !isGenerated(path);
  });
  const scored = candidates.map((item) => ({
    item,
    score: coverage(item.name) + 0.5 * coverage(item.comment) + (item.exported ? 0.05 : 0),
  }));
  const chosen = scored.filter(({ score }) => score >= 0.35).toSorted((a, b) => b.score - a.score);
  return chosen.slice(0, limit).map(({ item }) => described(item, library));
}

/** A definition with what others say and do about it. */
export function described(definition: Definition, library: Library): DefinitionFound {
  const { name, kind, path, line, last, comment } = definition;
  return {
    name,
    kind,
    says: sentencesOf(comment)[0] ?? "",
    source: { path, first: line, last, text: library.read(path, line, last) },
    usedIn: usesOf(name, path, library).slice(0, 3),
  };
}

function usesOf(name: string, path: string, library: Library): { path: string; line: number; times: number }[] {
  const word = new RegExp(`(?<![\\w$])${name.replace(/[$.]/g, "\\$&")}(?![\\w$])`);
  const uses = library.files.flatMap((file) => {
    if (file.path === path || isGenerated(file.path) || file.kind === "prose" || file.kind === "data") return [];
    const lines = file.lines.flatMap((line, index) => (word.test(line) ? [index + 1] : []));
    const [first] = lines;
    return first === undefined ? [] : [{ path: file.path, line: first, times: lines.length }];
  });
  return uses.toSorted((a, b) => b.times - a.times || (a.path < b.path ? -1 : 1));
}

const TEST_TITLE =
  /^\s*(?:it|test|describe)(?:\.\w+)?\(\s*(["'`])(.+?)\1|^\s*(?:async )?def (test_\w+)|^func (Test\w+)/;

function tests(plan: Plan, library: Library, coverage: Coverage, limit: number): Quote[] {
  const accepted = accepts(plan);
  const files = library.files.filter((file) => file.kind === "test" && accepted(file));
  const scored = files.flatMap((file) => titlesOf(file).map((item) => ({ item, score: coverage(item.text) })));
  return best(scored, limit, plan.terms.length === 0 ? 0 : plan.intent === "tests" ? 0.15 : 0.3);
}

/** The titles of a file's tests: statements of behaviour. */
function titlesOf(file: SourceFile): Quote[] {
  return file.lines.flatMap((line, index) => {
    const [, , title, python, go] = TEST_TITLE.exec(line) ?? [];
    const found = title ?? python ?? go;
    if (found === undefined || /^\s*describe/.test(line)) return [];
    const lines = { first: index + 1, last: Math.min(file.lines.length, index + 8) };
    return [
      { text: found, source: { path: file.path, ...lines, text: file.lines.slice(index, lines.last).join("\n") } },
    ];
  });
}

function reading(passages: readonly Passage[], library: Library): Quote[] {
  const sections = passages.filter(({ path, headings }) => library.file(path)?.kind === "prose" && headings.length > 0);
  const seen = new Set<string>();
  return sections
    .filter(({ path, headings }) => {
      const key = `${path}#${headings.at(-1) ?? ""}`;
      return !seen.has(key) && seen.add(key).size > 0;
    })
    .slice(0, 3)
    .map((passage) => ({ text: passage.headings.at(-1) ?? "", source: withoutHeadings(passage) }));
}

const withoutHeadings = ({ path, first, last, text }: Passage): Source => ({ path, first, last, text });

// The best that do not say again what a better one said.
function best(scored: readonly Scored<Quote>[], limit: number, least: number): Quote[] {
  const chosen: Quote[] = [];
  for (const { item, score } of scored.toSorted((a, b) => b.score - a.score)) {
    if (score < least || chosen.length === limit) break;
    if (chosen.every((other) => overlap(other.text, item.text) < 0.6)) chosen.push(item);
  }
  return chosen;
}

function overlap(one: string, other: string): number {
  const terms = termsOf(one);
  const shared = [...termsOf(other)].filter((term) => terms.has(term)).length;
  return shared / Math.max(1, Math.min(terms.size, termsOf(other).size));
}
