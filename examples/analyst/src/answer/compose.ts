/** Answers put together from what was found, each statement with the lines it rests on. Nothing here is invented. */
import type { DefinitionFound, Evidence, Quote } from "./evidence.ts";
import type { Overview, Part } from "./overview.ts";
import type { Plan } from "./plan.ts";
import { cite, text } from "./source.ts";
import type { Piece, Source } from "./source.ts";

const EXCERPT_LINES = 14;

/** An answer about a topic, or about the tests that state it. */
export function composeTopic(plan: Plan, evidence: Evidence, nearest: readonly string[]): Piece[] {
  const { quotes, definitions, tests, reading } = evidence;
  if (quotes.length + definitions.length + tests.length + reading.length === 0) return nothingFound(plan, nearest);
  const pieces: Piece[] = [];
  if (quotes.length > 0) pieces.push(text("### In the files' own words\n\n"), ...quotes.flatMap(quoted));
  if (definitions.length > 0) {
    pieces.push(text("### Where it is defined\n\n"), ...definitions.flatMap(defined), text("\n"));
    pieces.push(...(plan.brief ? [] : excerptOf(definitions)));
  }
  if (tests.length > 0) pieces.push(text("### What the tests state\n\n"), ...tests.flatMap(listed), text("\n"));
  if (reading.length > 0) pieces.push(text("### Worth reading whole\n\n"), ...reading.flatMap(section), text("\n"));
  pieces.push(closing(`${count(evidence.passagesRead, "passage")} of ${count(evidence.filesRead, "file")}`));
  return pieces;
}

/** An answer about the folder, or one part of it. */
export function composeOverview(plan: Plan, overview: Overview): Piece[] {
  const { path, intro, parts, definitions } = overview;
  const pieces: Piece[] = intro.flatMap(quoted);
  const tests = overview.testFileCount > 0 ? `, ${count(overview.testFileCount, "file")} of tests among them` : "";
  const size = `${count(overview.fileCount, "text file")} with ${count(overview.lineCount, "line")}${tests}`;
  pieces.push(text(`${path === "" ? "The folder" : `\`${path}\``} holds ${size}.\n\n`));
  if (parts.length > 1) pieces.push(text("### What is where\n\n"), ...parts.flatMap(part), text("\n"));
  if (definitions.length > 0 && !plan.brief) {
    const title = overview.fileCount === 1 ? "What it defines" : "What the rest of the code leans on";
    pieces.push(text(`### ${title}\n\n`), ...definitions.flatMap(defined), text("\n"));
    pieces.push(...excerptOf(definitions));
  }
  pieces.push(closing(`manifests, opening comments and definitions of ${count(overview.fileCount, "file")}`));
  return pieces;
}

/** What an answer says when the question was changed while it was being written. */
export function composeTurn(steer: string): Piece[] {
  return [text(`\n\n---\n\n**With your note “${steer.trim()}”**\n\n`)];
}

function nothingFound(plan: Plan, nearest: readonly string[]): Piece[] {
  const where = plan.place === "" ? "this folder" : `\`${plan.place}\``;
  const words = plan.words.length === 0 ? "that" : plan.words.map((word) => `“${word}”`).join(", ");
  const names = nearest.map((name) => `\`${name}\``).join(", ");
  return [
    text(`I searched ${where} for ${words} and found no passage that says anything about it.\n\n`),
    text(names === "" ? "Try words that stand in the files." : `Names that come close: ${names}.`),
  ];
}

const quoted = (quote: Quote): Piece[] => [text(`> ${plain(quote.text)} `), cite(quote.source), text("\n\n")];
const listed = (quote: Quote): Piece[] => [text(`- ${plain(quote.text)} `), cite(quote.source), text("\n")];

function section({ text: heading, source }: Quote): Piece[] {
  return [text(`- ${plain(heading)}, in \`${source.path}\` `), cite(source), text("\n")];
}

function defined({ name, kind, says, source, usedIn }: DefinitionFound): Piece[] {
  const pieces = [text(`- **\`${name}\`** `), cite(source)];
  if (says !== "") pieces.push(text(` ${plain(says)}`));
  const [most] = usedIn;
  const others = usedIn.length > 1 ? ` and ${usedIn.length > 2 ? "others" : "one more"}` : "";
  const used = most === undefined ? "" : `, used in \`${most.path}\`${others}`;
  return [...pieces, text(` (${kind}${used})\n`)];
}

// One line of code says no more than its name did.
function excerptOf(definitions: readonly DefinitionFound[]): Piece[] {
  const first = definitions.find(({ source }) => source.last > source.first);
  return first === undefined ? [] : [...codeBlock(first.source), text("\n")];
}

function codeBlock(source: Source): Piece[] {
  const shown = { ...source, last: Math.min(source.last, source.first + EXCERPT_LINES - 1) };
  const code = source.text.split("\n").slice(0, EXCERPT_LINES).join("\n");
  const ending = /\.(\w+)$/.exec(source.path)?.[1] ?? "";
  const place = `From \`${source.path}\`, lines ${shown.first} to ${shown.last} `;
  return [text(`\`\`\`${ending}\n${code}\n\`\`\`\n\n${place}`), cite({ ...shown, text: code }), text("\n")];
}

function part({ path, isFolder, fileCount, lineCount, says }: Part): Piece[] {
  const size = isFolder ? `${count(fileCount, "file")}, ${count(lineCount, "line")}` : count(lineCount, "line");
  const pieces = [text(`- \`${path}${isFolder ? "/" : ""}\` (${size})`)];
  if (says !== undefined) pieces.push(text(`: ${plain(says.text)} `), cite(says.source));
  return [...pieces, text("\n")];
}

function closing(from: string): Piece {
  return text(`Put together from ${from} by full-text search; no model wrote this.`);
}

const plain = (value: string): string => value.replace(/\s+/g, " ").trim();

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
