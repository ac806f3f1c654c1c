import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLibrary } from "../folder/library.ts";
import type { Library } from "../folder/library.ts";
import { composeOverview, composeTopic } from "./compose.ts";
import { gather } from "./evidence.ts";
import { lookOver } from "./overview.ts";
import { accepts, planFor } from "./plan.ts";
import type { Piece } from "./source.ts";

const FILES: Record<string, string> = {
  "README.md": "# Teahouse\n\nA teahouse keeps its kettles warm so that every guest is served at once.\n",
  "docs/kettles.md":
    "# Kettles\n\n## Losing power\n\nA kettle that loses its power keeps the water warm for an hour, then reports itself cold.\n\n| what fails | what guests see |\n|---|---|\n| the power of a kettle | the water stays warm for an hour |\n",
  "src/kettle.ts":
    "/** Warms water and keeps it warm. */\nexport class Kettle {\n  readonly litres = 2;\n  readonly warm = true;\n}\n\n/** What a kettle says when its power fails. */\nexport function powerFailed(kettle: Kettle): string {\n  return `cold: ${kettle.litres}`;\n}\n",
  "src/cup.ts":
    "import { Kettle } from './kettle.ts';\n\nexport const fill = (kettle: Kettle): number => kettle.litres;\n",
  "src/kettle.test.ts":
    'it("reports a kettle cold an hour after its power failed", () => {});\nit("fills cups", () => {});\n',
};

let folder: string;
let library: Library;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "analyst-"));
  for (const [path, content] of Object.entries(FILES)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  library = await openLibrary(folder);
});
afterAll(() => rm(folder, { recursive: true }));

function answer(question: string, steers: readonly string[] = []): readonly Piece[] {
  const plan = planFor(question, library, steers);
  if (plan.intent === "overview" || plan.intent === "place")
    return composeOverview(plan, lookOver(library, plan.place));
  const found = library.search(plan.terms.join(" "), { limit: 24, accepts: accepts(plan) });
  return composeTopic(plan, gather(plan, library, found), ["Kettle"]);
}

const stripped = (value: string): string => value.replace(/[^\p{L}\p{N}]+/gu, " ").trim();

const textOf = (pieces: readonly Piece[]): string =>
  pieces.map((piece) => (piece.kind === "text" ? piece.text : `[${piece.source.path}:${piece.source.first}]`)).join("");

describe("a plan", () => {
  it.each([
    ["What is this project and how is it organised?", "overview", ""],
    ["Give me an overview", "overview", ""],
    ["What happens when a kettle loses power?", "topic", ""],
    ["Which tests cover the kettle?", "tests", ""],
    ["What is in src/kettle.ts?", "place", "src/kettle.ts"],
    ["explain the src folder", "place", "src"],
    ["what is in the docs folder", "place", "docs"],
    ["How does power fail in src?", "topic", "src"],
  ])("reads '%s' as %s", (question, intent, place) => {
    expect(planFor(question, library)).toMatchObject({ intent, place });
  });

  it("changes with what is said while it is carried out", () => {
    expect(planFor("What happens when a kettle loses power?", library, ["only the tests"]).intent).toBe("tests");
    expect(planFor("What happens when a kettle loses power?", library, ["only in src"]).place).toBe("src");
    expect(planFor("What happens when a kettle loses power?", library, ["without the tests, briefly"])).toMatchObject({
      intent: "topic",
      withoutTests: true,
      brief: true,
    });
    expect(planFor("What is a kettle?", library, ["and cups"]).terms).toContain("cup");
  });
});

describe("an answer", () => {
  it("quotes what the files say, with file and line", () => {
    const text = textOf(answer("What happens when a kettle loses power?"));
    expect(text).toContain("A kettle that loses its power keeps the water warm for an hour");
    expect(text).toContain("[docs/kettles.md:5]");
    expect(text).toContain("**`powerFailed`** [src/kettle.ts:8] What a kettle says when its power fails. (function)");
    expect(text).toContain("reports a kettle cold an hour after its power failed [src/kettle.test.ts:1]");
    expect(text).toContain("no model wrote this");
  });

  it("cites only lines that stand in the files as quoted", () => {
    const questions = ["What happens when a kettle loses power?", "What is this project?", "What is in src/kettle.ts?"];
    for (const piece of questions.flatMap((question) => answer(question))) {
      if (piece.kind === "text") continue;
      const { path, first, last, text } = piece.source;
      expect(stripped(library.read(path, first, last))).toContain(stripped(text));
    }
  });

  it("says who uses a definition", () => {
    expect(textOf(answer("What is a kettle?"))).toMatch(/`Kettle`\*\* .*\(class, used in `src\/cup.ts`\)/);
  });

  it("looks over a whole folder from its README down", () => {
    const text = textOf(answer("What is this project and how is it organised?"));
    expect(text).toContain("> A teahouse keeps its kettles warm so that every guest is served at once. [README.md:3]");
    expect(text).toContain("`src/` (3 files");
  });

  it("says that nothing was found rather than something", () => {
    const text = textOf(answer("How does quantum chromodynamics apply?"));
    expect(text).toContain("found no passage");
    expect(text).toContain("`Kettle`");
  });

  it("holds to a steer", () => {
    const text = textOf(answer("What happens when a kettle loses power?", ["only the tests"]));
    expect(text).not.toContain("docs/kettles.md");
    expect(text).toContain("src/kettle.test.ts");
  });
});
