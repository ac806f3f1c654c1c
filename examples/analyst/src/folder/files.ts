/** The files of a folder: found, filtered and read within limits. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import ignore from "ignore";
import { AnalystError } from "../errors.ts";

/** What a file is good for: prose explains, code does, tests state behaviour, data is neither. */
export type FileKind = "prose" | "code" | "test" | "data";

export interface SourceFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly kind: FileKind;
  readonly lines: readonly string[];
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface FolderLimits {
  readonly maxFiles: number;
  /** Longer files are listed as skipped. */
  readonly maxFileBytes: number;
  readonly maxTotalBytes: number;
}

export const FOLDER_LIMITS: FolderLimits = {
  maxFiles: 5_000,
  maxFileBytes: 512 * 1024,
  maxTotalBytes: 64 * 1024 * 1024,
};

export interface FolderScan {
  readonly files: readonly SourceFile[];
  /** Files that were left out because of a limit, not those that are ignored or binary. */
  readonly skippedCount: number;
}

// Beside .gitignore: what is fetched or built, not written.
const NEVER = [
  "node_modules",
  "dist",
  "build",
  "target",
  "vendor",
  "coverage",
  "__pycache__",
  "*.lock",
  "package-lock.json",
];
const PROSE = /\.(md|mdx|rst|adoc|txt)$|(^|\/)(README|LICENSE|NOTICE|CHANGELOG)$/i;
const TEST = /(\.|_)(test|spec)\.[a-z]+$|(^|\/)tests?\//i;
const CODE =
  /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs|py|go|rs|java|kt|scala|c|h|cc|cpp|hpp|cs|rb|php|swift|sh|sql|proto|lua|ex|exs|zig)$/i;

/** What a file of this name is good for. */
export function fileKind(path: string): FileKind {
  if (PROSE.test(path)) return "prose";
  if (!CODE.test(path)) return "data";
  return TEST.test(path) ? "test" : "code";
}

/** Written by a program; says nothing that its source does not. */
export const isGenerated = (path: string): boolean => /(^|\/)(gen|generated|__snapshots__)\//.test(path);

/**
 * Reads the text files below `folder`, in the order of their paths; files in `known` with the same time and length are
 * taken from there. Hidden, ignored (.gitignore of the folder) and binary files are left out.
 * Throws AnalystError `folder_not_found`.
 */
export async function scanFolder(
  folder: string,
  limits: FolderLimits = FOLDER_LIMITS,
  known: ReadonlyMap<string, SourceFile> = new Map(),
): Promise<FolderScan> {
  await checkFolder(folder);
  const ignored = ignore()
    .add(NEVER)
    .add(await textOr(join(folder, ".gitignore"), ""));
  const paths = await pathsBelow(folder, folder, ignored);
  const files: SourceFile[] = [];
  let totalBytes = 0;
  let skippedCount = Math.max(0, paths.length - limits.maxFiles);
  for (const path of paths.slice(0, limits.maxFiles)) {
    const info = await stat(join(folder, path)).catch(() => undefined);
    if (info === undefined) continue;
    if (info.size > limits.maxFileBytes || totalBytes + info.size > limits.maxTotalBytes) {
      skippedCount += 1;
      continue;
    }
    const before = known.get(path);
    const same = before !== undefined && before.modifiedMs === info.mtimeMs && before.bytes === info.size;
    const file = same ? before : await readText(folder, path, info.mtimeMs);
    if (file === undefined) continue;
    totalBytes += file.bytes;
    files.push(file);
  }
  return { files, skippedCount };
}

async function checkFolder(folder: string): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (info?.isDirectory() === true) return;
  const what = info === undefined ? "does not exist" : "is not a folder";
  throw new AnalystError("folder_not_found", `the folder '${folder}' ${what}: give an existing one with --folder DIR`);
}

async function pathsBelow(root: string, folder: string, ignored: ignore.Ignore): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const paths: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const full = join(folder, entry.name);
    const path = relative(root, full).split(sep).join("/");
    if (entry.name.startsWith(".") || ignored.ignores(entry.isDirectory() ? `${path}/` : path)) continue;
    if (entry.isDirectory()) paths.push(...(await pathsBelow(root, full, ignored)));
    else if (entry.isFile()) paths.push(path);
  }
  return paths;
}

// A file with a zero byte in its first 8 KiB counts as binary, as git has it.
async function readText(folder: string, path: string, modifiedMs: number): Promise<SourceFile | undefined> {
  const content = await readFile(join(folder, path)).catch(() => undefined);
  if (content === undefined || content.subarray(0, 8192).includes(0)) return undefined;
  const lines = content.toString("utf8").replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n");
  return { path, kind: fileKind(path), lines, bytes: content.length, modifiedMs };
}

async function textOr(path: string, fallback: string): Promise<string> {
  return readFile(path, "utf8").catch(() => fallback);
}
