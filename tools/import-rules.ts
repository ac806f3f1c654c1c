// Who may import whom among the workspaces. `./dev check lint` enforces it.
import type { OxlintOverride } from "oxlint";

const libraries = ["core", "protocol", "log", "replica", "service-kit"];
const adapters = ["log-kafka", "log-embedded"];
const services = ["edge", "ingest", "keeper"];

/** Folder of a workspace -> the other workspaces that it may import. A workspace that is not listed may import none. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  "packages/core": ["protocol"],
  "packages/protocol": [],
  "packages/log": [],
  "packages/log-kafka": ["log"],
  "packages/log-embedded": ["log"],
  "packages/replica": ["core", "protocol", "log"],
  "packages/service-kit": ["core", "protocol", "log", ...adapters],
  "packages/client": ["core", "protocol"],
  "packages/agent": ["core", "protocol"],
  "packages/cli": [...libraries, ...adapters, ...services],
  "services/edge": [...libraries, ...adapters],
  "services/ingest": [...libraries, ...adapters],
  "services/keeper": [...libraries, ...adapters],
  "examples/analyst": ["agent", "core", "protocol"],
  "examples/hello": ["agent"],
  "examples/workbench": ["client", "core", "protocol"],
};

/** Workspaces of which only types may be imported, so that they add nothing to a bundle. Their tests may use values. */
const typesOnly: Readonly<Record<string, readonly string[]>> = { "packages/core": ["protocol"] };

// Another workspace's files by path: `../../log/src/port.ts`, but not a package's own `../src/fold.ts`.
const pathIntoAnotherWorkspace = {
  regex: "^\\.{1,2}/(.*/)?[^./][^/]*/src/",
  message: "Import another workspace by its package name.",
};

/** What only tests, and what stands in a folder `testing` for them, may import besides. */
const testImports: Readonly<Record<string, readonly string[]>> = { "packages/replica": ["log-embedded"] };

function rulesOf(folder: string, tests: boolean): OxlintOverride {
  const allowed = [...(allowedImports[folder] ?? []), ...((tests ? testImports[folder] : undefined) ?? [])];
  const restricted = tests ? [] : (typesOnly[folder] ?? []);
  return {
    files: tests ? [`${folder}/**/*.test.ts`, `${folder}/src/testing/**`] : [`${folder}/**`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["@perdure/*", ...allowed.map((name) => `!@perdure/${name}`)],
              message: `${folder} may import of ours: ${allowed.join(", ") || "nothing"} (tools/import-rules.ts).`,
            },
            pathIntoAnotherWorkspace,
          ],
          paths: restricted.map((name) => ({
            name: `@perdure/${name}`,
            allowTypeImports: true,
            message: `${folder} may import only types of ${name} (tools/import-rules.ts).`,
          })),
        },
      ],
    },
  };
}

/** One override of the linter's configuration for each workspace and, after it, for its tests. */
export const importRules: OxlintOverride[] = Object.keys(allowedImports).flatMap((folder) => [
  rulesOf(folder, false),
  rulesOf(folder, true),
]);
