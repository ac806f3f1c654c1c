/** What a question asks for, read from its words. */
import type { Library } from "../folder/library.ts";
import type { SourceFile } from "../folder/files.ts";
import { indexTerm, questionTerms, wordsOf } from "../folder/words.ts";

/** `overview`: the folder as a whole; `place`: one file or folder; `tests`: what tests state; `topic`: anything else. */
export type Intent = "overview" | "place" | "tests" | "topic";

export interface Plan {
  readonly question: string;
  readonly intent: Intent;
  /** Index terms that the answer is about. */
  readonly terms: readonly string[];
  /** The words that they came from. */
  readonly words: readonly string[];
  /** A file or folder of the library that the question names; empty: none. */
  readonly place: string;
  readonly withoutTests: boolean;
  readonly brief: boolean;
}

const OVERVIEW =
  /\b(overview|organi[sz]ed|laid out|layout|structure|at a glance|what(?:'s| is) (?:in )?(?:this|the) (?:\w+ )?(?:folder|repo(?:sitory)?|project|codebase)|summari[sz]e)\b/i;
const GENERIC = new Set(
  "overview organized organised package directory service module layout structure glance folder repository repo project codebase summarize summarise summary file part"
    .split(" ")
    .map(indexTerm),
);
const TESTS = /\b(?:which|what|only|list|the|just)\b.*\btests?\b|\btests?\b.*\b(?:cover|state|check|prove|say)/i;
const WITHOUT_TESTS = /\b(?:without|no|not|except|skip|ignore)\b[\w\s]{0,12}\btests?\b/i;
const BRIEF = /\b(?:brief|briefly|short|shorter|concise|in one sentence|tl;?dr)\b/i;

/** Reads a question, with what was said while it was being answered. */
export function planFor(question: string, library: Library, steers: readonly string[] = []): Plan {
  const all = [question, ...steers].join(" ");
  const place = placeIn([...steers.toReversed(), question].join(" "), library);
  const placeTerms = new Set(wordsOf(place).map(indexTerm));
  const known = questionTerms(all);
  const terms = [...known.keys()].filter((term) => !placeTerms.has(term) && !isSetting(term));
  const subject = terms.filter((term) => !GENERIC.has(term));
  const withoutTests = WITHOUT_TESTS.test(all);
  const brief = BRIEF.test(all);
  const intent = intentOf(all, { subject, place, withoutTests });
  const about = intent === "overview" ? terms : subject;
  const words = about.map((term) => known.get(term) ?? term);
  return { question, intent, terms: about, words, place, withoutTests, brief };
}

function intentOf(text: string, about: { subject: readonly string[]; place: string; withoutTests: boolean }): Intent {
  if (TESTS.test(text) && !about.withoutTests) return "tests";
  if (about.place !== "" && about.subject.length < 2) return "place";
  if ((OVERVIEW.test(text) && about.subject.length < 2) || about.subject.length === 0) return "overview";
  return "topic";
}

/** Which files a plan looks at. */
export function accepts(plan: Plan): (file: SourceFile) => boolean {
  return (file) => {
    if (plan.intent === "tests" && file.kind !== "test") return false;
    if (plan.withoutTests && file.kind === "test") return false;
    return plan.place === "" || file.path === plan.place || file.path.startsWith(`${plan.place}/`);
  };
}

const SETTINGS = new Set([
  "test",
  "brief",
  "briefli",
  "short",
  "shorter",
  "concis",
  "just",
  "without",
  "except",
  "skip",
  "ignor",
]);
const isSetting = (term: string): boolean => SETTINGS.has(term);

// A word counts as a place where it has a `/` or an ending and names a file or folder, whole or by its end.
function placeIn(text: string, library: Library): string {
  const folders = new Set(library.files.flatMap(({ path }) => foldersOf(path)));
  for (const [word] of text.matchAll(/[\w@.-]*[/.][\w@./-]*\w/g)) {
    const file = library.files.find(({ path }) => path === word || path.endsWith(`/${word}`));
    if (file !== undefined) return file.path;
    const folder = [...folders].find((path) => path === word || path.endsWith(`/${word}`));
    if (folder !== undefined) return folder;
  }
  const named =
    /\b(?:in|under|inside|of)\s+(?:the\s+)?`?([\w-]+)`?|\bthe\s+`?([\w-]+)`?\s+(?:folder|package|directory|service|module)\b/gi;
  for (const [, inside, called] of text.matchAll(named)) {
    const word = inside ?? called;
    const folder = [...folders].find((path) => path === word || path.endsWith(`/${word}`));
    if (folder !== undefined) return folder;
  }
  return "";
}

function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
