import { describe, expect, it } from "vitest";
import { definitionsOf, openingComment } from "./definitions.ts";
import type { SourceFile } from "./files.ts";

const file = (path: string, text: string): SourceFile => ({
  path,
  kind: "code",
  lines: text.split("\n"),
  bytes: text.length,
  modifiedMs: 0,
});

describe("definitions", () => {
  it("have their name, lines and comment", () => {
    const [definition] = definitionsOf(
      file(
        "a.ts",
        "import x from 'x';\n\n/**\n * Boils water.\n * Slowly.\n */\nexport async function boil(): void {\n  x();\n}\n\nconst y = 1;",
      ),
    );
    expect(definition).toEqual({
      name: "boil",
      kind: "function",
      path: "a.ts",
      line: 7,
      last: 9,
      exported: true,
      comment: "Boils water. Slowly.",
    });
  });

  it.each([
    ["a.py", "# Pours.\ndef pour():\n    pass", "pour", "def"],
    ["a.go", "// Pour pours.\nfunc (k *Kettle) Pour() {\n}", "Pour", "func"],
    ["a.rs", "/// Pours.\npub fn pour() {\n}", "pour", "fn"],
    ["a.proto", "// Poured.\nmessage Poured {\n}", "Poured", "message"],
  ])("are found in %s", (path, text, name, kind) => {
    const [definition] = definitionsOf(file(path, text));
    expect(definition).toMatchObject({ name, kind, exported: true });
    expect(definition?.comment).toMatch(/our/);
  });

  it("end before the next one, and are cut where they are long", () => {
    const long = ["class Long {", ...Array.from({ length: 90 }, () => "  a();"), "}"].join("\n");
    expect(
      definitionsOf(file("a.ts", `type A = 1;\nconst b = 2;\n${long}`)).map(({ line, last }) => [line, last]),
    ).toEqual([
      [1, 1],
      [2, 2],
      [3, 26],
    ]);
  });
});

describe("the opening comment", () => {
  it("speaks of the file", () => {
    expect(openingComment(file("a.ts", "/**\n * Kettles\n * and cups.\n */\nimport x from 'x';"))).toBe(
      "Kettles and cups.",
    );
    expect(openingComment(file("a.sh", "#!/bin/sh\n# Kettles.\n\nboil"))).toBe("Kettles.");
    expect(openingComment(file("a.py", '"""Kettles."""\nimport x'))).toBe("Kettles.");
  });

  it("is not the comment of the first definition", () => {
    expect(openingComment(file("a.ts", "/** Boils. */\nexport function boil() {}"))).toBe("");
  });
});
