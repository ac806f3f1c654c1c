/** A folder as the analyst knows it: files, passages and definitions, with a full-text index over the passages. */
import MiniSearch from "minisearch";
import type { SearchResult } from "minisearch";
import { AnalystError } from "../errors.ts";
import { definitionsOf } from "./definitions.ts";
import type { Definition } from "./definitions.ts";
import { FOLDER_LIMITS, isGenerated, scanFolder } from "./files.ts";
import type { FolderLimits, SourceFile } from "./files.ts";
import { passagesOf } from "./passages.ts";
import type { Passage } from "./passages.ts";
import { indexTerm, termsOf, wordsOf } from "./words.ts";

export interface Found {
  readonly passage: Passage;
  readonly score: number;
}

export interface SearchOptions {
  readonly limit: number;
  /** Only passages of these files; absent: all. */
  readonly accepts?: (file: SourceFile) => boolean;
}

export interface Library {
  readonly folder: string;
  readonly files: readonly SourceFile[];
  readonly definitions: readonly Definition[];
  /** Files left out because of a limit. */
  readonly skippedCount: number;
  /** Reads the folder again; what has not changed is not indexed again. Throws AnalystError `folder_not_found`. */
  refresh(): Promise<void>;
  file(path: string): SourceFile | undefined;
  /** The passages that fit the words of a query best, best first. */
  search(query: string, options: SearchOptions): readonly Found[];
  /** The passage that `place` names: `path:first-last` or `path:line`. */
  passageAt(place: string): Passage | undefined;
  /** Names of definitions that come close to the words of a query; at most 5. */
  namesLike(query: string): readonly string[];
  /** In how many passages an index term stands; its rarity is what it weighs. */
  passagesWith(term: string): number;
  readonly passageCount: number;
  /** Lines of a file, counting from 1. Throws AnalystError `file_not_found`. */
  read(path: string, first: number, last: number): string;
}

interface Indexed extends Passage {
  readonly id: string;
  readonly names: string;
  readonly above: string;
}

/** Reads and indexes a folder. Throws AnalystError `folder_not_found`. */
export async function openLibrary(folder: string, limits: FolderLimits = FOLDER_LIMITS): Promise<Library> {
  const library = new FolderLibrary(folder, limits);
  await library.refresh();
  return library;
}

class FolderLibrary implements Library {
  readonly folder: string;
  skippedCount = 0;
  readonly #limits: FolderLimits;
  readonly #files = new Map<string, SourceFile>();
  readonly #passages = new Map<string, readonly Indexed[]>();
  readonly #byId = new Map<string, Indexed>();
  readonly #definitions = new Map<string, readonly Definition[]>();
  readonly #passagesWith = new Map<string, number>();
  readonly #index = new MiniSearch<Indexed>({
    fields: ["path", "names", "above", "text"],
    tokenize: wordsOf,
    processTerm: indexTerm,
  });

  constructor(folder: string, limits: FolderLimits) {
    this.folder = folder;
    this.#limits = limits;
  }

  get files(): readonly SourceFile[] {
    return [...this.#files.values()];
  }

  get definitions(): readonly Definition[] {
    return [...this.#definitions.values()].flat();
  }

  get passageCount(): number {
    return this.#byId.size;
  }

  async refresh(): Promise<void> {
    const scan = await scanFolder(this.folder, this.#limits, this.#files);
    const now = new Map(scan.files.map((file) => [file.path, file]));
    for (const [path, file] of this.#files) if (now.get(path) !== file) this.#drop(path);
    for (const [path, file] of now) if (!this.#files.has(path)) this.#add(file);
    this.skippedCount = scan.skippedCount;
  }

  file(path: string): SourceFile | undefined {
    return this.#files.get(path);
  }

  search(query: string, { limit, accepts }: SearchOptions): readonly Found[] {
    const results = this.#index.search(query, {
      boost: { names: 3, above: 2.5, path: 1.5 },
      prefix: (term) => term.length > 4,
      fuzzy: (term) => (term.length > 6 ? 0.15 : false),
      weights: { fuzzy: 0.2, prefix: 0.4 },
      boostDocument: (id) => this.#worth(String(id)),
      filter: (result) => this.#accepted(result, accepts),
    });
    return results.slice(0, limit).flatMap((result) => {
      const passage = this.#byId.get(String(result.id));
      return passage === undefined ? [] : [{ passage, score: result.score }];
    });
  }

  passageAt(place: string): Passage | undefined {
    return this.#byId.get(place.replace(/-\d+$/, ""));
  }

  namesLike(query: string): readonly string[] {
    const passages = this.#index.search(query, { fields: ["names"], fuzzy: 0.4, prefix: true }).slice(0, 5);
    const names = passages.flatMap(({ id }) => this.#byId.get(String(id))?.names.split(" ").slice(0, 1) ?? []);
    return [...new Set(names)];
  }

  passagesWith(term: string): number {
    return this.#passagesWith.get(term) ?? 0;
  }

  read(path: string, first: number, last: number): string {
    const file = this.#files.get(path);
    if (file === undefined) {
      throw new AnalystError(
        "file_not_found",
        `there is no file '${path}' in the folder: list the files to see their paths`,
      );
    }
    return file.lines.slice(Math.max(0, first - 1), last).join("\n");
  }

  // Prose explains best; tests repeat words, data and generated files only hold them.
  #worth(id: string): number {
    const path = this.#byId.get(id)?.path ?? "";
    if (isGenerated(path)) return 0.2;
    const worth = { prose: 1.3, code: 1, test: 0.6, data: 0.4 };
    return worth[this.#files.get(path)?.kind ?? "data"];
  }

  #accepted(result: SearchResult, accepts: SearchOptions["accepts"]): boolean {
    if (accepts === undefined) return true;
    const file = this.#files.get(this.#byId.get(String(result.id))?.path ?? "");
    return file !== undefined && accepts(file);
  }

  #add(file: SourceFile): void {
    const definitions = definitionsOf(file);
    const passages = passagesOf(file).map((passage) => ({
      ...passage,
      id: `${passage.path}:${passage.first}`,
      names: definitions
        .filter(({ line }) => line >= passage.first && line <= passage.last)
        .map(({ name }) => name)
        .join(" "),
      above: passage.headings.join(" "),
    }));
    this.#files.set(file.path, file);
    this.#definitions.set(file.path, definitions);
    this.#passages.set(file.path, passages);
    for (const passage of passages) this.#byId.set(passage.id, passage);
    this.#index.addAll(passages);
    this.#count(passages, 1);
  }

  #drop(path: string): void {
    const passages = this.#passages.get(path) ?? [];
    this.#index.removeAll([...passages]);
    this.#count(passages, -1);
    for (const passage of passages) this.#byId.delete(passage.id);
    this.#passages.delete(path);
    this.#definitions.delete(path);
    this.#files.delete(path);
  }

  #count(passages: readonly Indexed[], by: 1 | -1): void {
    for (const passage of passages) {
      for (const term of termsOf(passage.text)) {
        this.#passagesWith.set(term, (this.#passagesWith.get(term) ?? 0) + by);
      }
    }
  }
}
