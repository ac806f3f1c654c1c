/** Definitions in source code, by patterns: names, lines and the comments above them. No parser, so it reads many languages. */
import type { SourceFile } from "./files.ts";

export interface Definition {
  readonly name: string;
  /** `function`, `class`, `interface` … as the language says it. */
  readonly kind: string;
  readonly path: string;
  /** First line, counting from 1. */
  readonly line: number;
  /** Last line of what is shown of it. */
  readonly last: number;
  readonly exported: boolean;
  /** The comment above it, without its marks; empty: none. */
  readonly comment: string;
}

interface Pattern {
  readonly files: RegExp;
  /** Groups: kind, name. */
  readonly line: RegExp;
  readonly exported: RegExp;
}

const PATTERNS: readonly Pattern[] = [
  {
    files: /\.[mc]?[jt]sx?$/,
    line: /^(?:export )?(?:default )?(?:declare )?(?:abstract )?(?:async )?(function|class|interface|type|const|enum)\*? ([A-Za-z_$][\w$]*)/,
    exported: /^export /,
  },
  { files: /\.py$/, line: /^(?:async )?(def|class) ([A-Za-z_]\w*)/, exported: /^(?:async )?(?:def|class) [^_]/ },
  {
    files: /\.go$/,
    line: /^(func|type) (?:\([^)]*\) )?([A-Za-z_]\w*)/,
    exported: /^(?:func|type) (?:\([^)]*\) )?[A-Z]/,
  },
  {
    files: /\.rs$/,
    line: /^(?:pub(?:\([^)]*\))? )?(?:async )?(?:unsafe )?(fn|struct|enum|trait|type|mod|const) ([A-Za-z_]\w*)/,
    exported: /^pub/,
  },
  {
    files: /\.(java|kt|scala|cs)$/,
    line: /^\s{0,4}(?:[\w@]+ )*?(class|interface|enum|record|object|fun) ([A-Za-z_]\w*)/,
    exported: /public|^(?!.*private)/,
  },
  { files: /\.proto$/, line: /^(message|service|enum) ([A-Za-z_]\w*)/, exported: /^/ },
  {
    files: /\.(c|h|cc|cpp|hpp)$/,
    line: /^(?:typedef )?(struct|class|enum|union|namespace) ([A-Za-z_]\w*)/,
    exported: /^/,
  },
  {
    files: /\.(rb|ex|exs|lua|php|swift|sh|zig)$/,
    line: /^\s*(?:pub )?(?:local )?(def|defmodule|class|module|function|func|struct|fn) ([A-Za-z_][\w.]*)/,
    exported: /^/,
  },
];

// A definition is shown as far as its block goes, at most this far.
const SHOWN_LINES = 24;

/** The definitions at the outer level of a file, in order. */
export function definitionsOf(file: SourceFile): Definition[] {
  const pattern = PATTERNS.find(({ files }) => files.test(file.path));
  if (pattern === undefined) return [];
  const definitions: Definition[] = [];
  for (const [index, line] of file.lines.entries()) {
    const [, kind, name] = pattern.line.exec(line) ?? [];
    if (kind === undefined || name === undefined) continue;
    definitions.push({
      name,
      kind,
      path: file.path,
      line: index + 1,
      last: lastLine(file.lines, index) + 1,
      exported: pattern.exported.test(line),
      comment: commentAbove(file.lines, index),
    });
  }
  return definitions;
}

/** The comment that speaks of a whole file, at its beginning, without its marks; empty: none. */
export function openingComment(file: SourceFile): string {
  const start = file.lines.findIndex((line) => line.trim() !== "" && !line.startsWith("#!"));
  const first = file.lines[start]?.trim() ?? "";
  const isBlock = /^(\/\*|""")/.test(first);
  if (!isBlock && !/^(\/\/|#|--)/.test(first)) return "";
  let last = start;
  if (isBlock) while (last < start + 30 && !closesBlock(file.lines[last] ?? "", last === start)) last += 1;
  else while (/^\s*(\/\/|#|--)/.test(file.lines[last + 1] ?? "")) last += 1;
  // What stands right above a definition speaks of that.
  if (!/^\s*$|^(import|package|use|from)\b|^["']use /.test(file.lines[last + 1] ?? "")) return "";
  return withoutMarks(file.lines.slice(start, last + 1));
}

const closesBlock = (line: string, isFirst: boolean): boolean =>
  line.includes("*/") || (isFirst ? /^\s*""".+"""/.test(line) : line.includes('"""'));

// The block ends at the next line that is not indented and not the closing of this one.
function lastLine(lines: readonly string[], start: number): number {
  for (let index = start + 1; index < Math.min(lines.length, start + SHOWN_LINES); index += 1) {
    const line = lines[index] ?? "";
    if (/^[)}\]]/.test(line) && !/[{([]\s*$/.test(line)) return index;
    if (/^\S/.test(line) && !/^[)}\]|&?:]/.test(line)) return Math.max(start, index - 1 - blankAbove(lines, index));
  }
  return Math.min(lines.length, start + SHOWN_LINES) - 1;
}

function blankAbove(lines: readonly string[], index: number): number {
  let count = 0;
  while (count < index && (lines[index - 1 - count] ?? "").trim() === "") count += 1;
  return count;
}

function commentAbove(lines: readonly string[], index: number): string {
  let first = index;
  while (first > 0 && /^\s*(\/\/|\/\*|\*|#(?!!)|@|--|\])/.test(lines[first - 1] ?? "") && index - first < 30)
    first -= 1;
  return withoutMarks(lines.slice(first, index).filter((line) => !/^\s*@\w/.test(line)));
}

function withoutMarks(lines: readonly string[]): string {
  return lines
    .map((line) => line.replace(/^\s*(\/\*\*?|\*\/|\*|\/\/+!?|#+|--|""")\s?/, "").replace(/\s*(\*\/|""")\s*$/, ""))
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();
}
