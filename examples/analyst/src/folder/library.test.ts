import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileKind, scanFolder } from "./files.ts";
import { openLibrary } from "./library.ts";
import { passagesOf } from "./passages.ts";

let folder: string;

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), content);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "analyst-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("reading a folder", () => {
  it("refuses a folder that does not exist, by code and with what to do", async () => {
    const opening = openLibrary(join(folder, "nowhere"));
    await expect(opening).rejects.toMatchObject({ code: "folder_not_found" });
    await expect(opening).rejects.toThrow("--folder DIR");
  });

  it("refuses a file in the place of a folder", async () => {
    await put("a.txt", "text");
    await expect(openLibrary(join(folder, "a.txt"))).rejects.toMatchObject({ code: "folder_not_found" });
  });

  it("leaves out what is hidden, ignored, fetched, binary or too long", async () => {
    await put("kept.md", "# Kept\n");
    await put(".secret", "hidden");
    await put(".gitignore", "private/\n");
    await put("private/key.txt", "ignored");
    await put("node_modules/x/index.js", "fetched");
    await put("image.bin", new Uint8Array([1, 0, 2]));
    await put("long.txt", "x".repeat(2_000));
    const scan = await scanFolder(folder, { maxFiles: 10, maxFileBytes: 1_000, maxTotalBytes: 10_000 });
    expect(scan.files.map(({ path }) => path)).toEqual(["kept.md"]);
    expect(scan.skippedCount).toBe(1);
  });

  it("counts what a limit left out", async () => {
    await put("a.txt", "a");
    await put("b.txt", "b");
    await put("c.txt", "c");
    const library = await openLibrary(folder, { maxFiles: 2, maxFileBytes: 1_000, maxTotalBytes: 10_000 });
    expect(library.files.length).toBe(2);
    expect(library.skippedCount).toBe(1);
  });

  it("knows prose, code, tests and data apart", () => {
    expect(["README", "a/b.md", "src/a.ts", "src/a.test.ts", "test/e2e.py", "a.json"].map(fileKind)).toEqual([
      "prose",
      "prose",
      "code",
      "test",
      "test",
      "data",
    ]);
  });
});

describe("passages", () => {
  it("hold every line that is not blank, once, with their headings", async () => {
    const lines = ["# Top", "", "One.", "", "## Below", "", "```", "# no heading", "```", "", "Two."];
    const passages = passagesOf({ path: "a.md", kind: "prose", lines, bytes: 1, modifiedMs: 1 });
    expect(passages.map(({ headings }) => headings)).toEqual([["Top"], ["Top", "Below"], ["Top", "Below"]]);
    const held = passages.flatMap(({ text }) => text.split("\n")).filter((line) => line.trim() !== "");
    expect(held).toEqual(lines.filter((line) => line !== ""));
  });

  it("stay short enough to cite in a file without structure", () => {
    const lines = Array.from({ length: 500 }, (_, index) => `  line ${index}`);
    const passages = passagesOf({ path: "a.ts", kind: "code", lines, bytes: 1, modifiedMs: 1 });
    expect(Math.max(...passages.map(({ first, last }) => last - first + 1))).toBeLessThanOrEqual(32);
    expect(passages.at(-1)?.last).toBe(500);
  });
});

describe("search", () => {
  beforeEach(async () => {
    await put("docs/tea.md", "# Brewing\n\nGreen tea is steeped at seventy degrees.\n");
    await put("src/kettle.ts", "/** Boils water. */\nexport function boilWater(): void {\n  heat();\n}\n");
    await put("src/kettle.test.ts", 'it("boils water", () => {});\n');
  });

  it("finds words in any of their forms, and the parts of a name", async () => {
    const library = await openLibrary(folder);
    expect(library.search("steeping", { limit: 1 })[0]?.passage.path).toBe("docs/tea.md");
    expect(library.search("boil", { limit: 1 })[0]?.passage.path).toBe("src/kettle.ts");
  });

  it("looks only where it is told to", async () => {
    const library = await openLibrary(folder);
    const found = library.search("water", { limit: 9, accepts: ({ kind }) => kind === "test" });
    expect(found.map(({ passage }) => passage.path)).toEqual(["src/kettle.test.ts"]);
  });

  it("sees what changed since, and forgets what is gone", async () => {
    const library = await openLibrary(folder);
    await put("docs/tea.md", "# Brewing\n\nBlack tea is poured with boiling milk.\n");
    await rm(join(folder, "src/kettle.test.ts"));
    await library.refresh();
    expect(library.search("milk", { limit: 1 })[0]?.passage.path).toBe("docs/tea.md");
    expect(library.search("seventy", { limit: 1 })).toEqual([]);
    expect(library.file("src/kettle.test.ts")).toBeUndefined();
    expect(library.passagesWith("seventi")).toBe(0);
  });

  it("reads lines of a file, and says so where there is none", async () => {
    const library = await openLibrary(folder);
    expect(library.read("src/kettle.ts", 2, 3)).toBe("export function boilWater(): void {\n  heat();");
    expect(() => library.read("src/none.ts", 1, 2)).toThrow(expect.objectContaining({ code: "file_not_found" }));
    expect(() => library.read("../../etc/passwd", 1, 2)).toThrow(expect.objectContaining({ code: "file_not_found" }));
  });
});
