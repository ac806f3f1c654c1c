import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "perdure-import-rules-"));
  const rules = JSON.stringify(resolve("tools/import-rules.ts"));
  const config = `import { importRules } from ${rules};\nexport default { categories: {}, overrides: importRules };\n`;
  writeFileSync(join(folder, "oxlint.config.ts"), config);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** What the linter says about a file at `path` of a workspace that holds only `line`. */
function complaints(path: string, line: string): string {
  mkdirSync(join(folder, dirname(path)), { recursive: true });
  writeFileSync(join(folder, path), `${line}\nexport {};\n`);
  const oxlint = resolve("node_modules/.bin/oxlint");
  const { stdout } = spawnSync(oxlint, ["--format=unix", path], { cwd: folder, encoding: "utf8" });
  return stdout;
}

describe("import rules", () => {
  test.each([
    ["services/edge/src/main.ts", 'import "@perdure/ingest";'],
    ["services/edge/src/main.ts", 'import type { Keeper } from "@perdure/keeper";'],
    ["services/keeper/src/main.ts", 'export const edge = await import("@perdure/edge");'],
    ["services/ingest/src/main.ts", 'import "../../edge/src/main.ts";'],
    ["services/ingest/src/join.test.ts", 'import "@perdure/keeper";'],
    ["packages/core/src/fold.ts", 'import { RecordSchema } from "@perdure/protocol";'],
    ["packages/core/src/fold.ts", 'import type { Log } from "@perdure/log";'],
    ["packages/core/src/apply/runs.ts", 'import "../../../log/src/port.ts";'],
    ["packages/protocol/src/index.ts", 'import type { View } from "@perdure/core";'],
    ["packages/log/src/port.ts", 'import type { RecordJson } from "@perdure/protocol";'],
    ["packages/log-kafka/src/tail.ts", 'import "@perdure/log-embedded";'],
    ["packages/client/src/session.ts", 'import "@perdure/replica";'],
    ["examples/analyst/src/main.ts", 'import "@perdure/service-kit";'],
  ])("refuse in %s: %s", (path, line) => {
    expect(complaints(path, line)).toContain("no-restricted-imports");
  });

  test.each([
    ["services/edge/src/main.ts", 'import "@perdure/replica";'],
    ["packages/core/src/fold.ts", 'import type { RecordJson } from "@perdure/protocol";'],
    ["packages/core/src/fold.test.ts", 'import { RecordSchema } from "@perdure/protocol";'],
    ["packages/core/test/fold.ts", 'import "../src/fold.ts";'],
    ["packages/log-kafka/src/tail.ts", 'import "@perdure/log";'],
    ["packages/client/src/session.ts", 'import "@perdure/core";'],
  ])("allow in %s: %s", (path, line) => {
    expect(complaints(path, line)).not.toContain("no-restricted-imports");
  });
});
