// `./dev generate`: TypeScript from proto/ into packages/protocol/gen, without the network.
// With --check nothing is written, and the exit code is 1 where the generated code is not current.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const generatedFolder = "packages/protocol/gen";

function readFiles(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]));
}

function generate(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "perdure-generate-"));
  try {
    execFileSync("node_modules/.bin/buf", ["generate", "--output", folder], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    return readFiles(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Only files that differ are touched, so that whoever runs beside this never meets a missing file.
function write(wanted: Map<string, string>, differing: readonly string[]): void {
  for (const name of differing) {
    const path = join(generatedFolder, name);
    const text = wanted.get(name);
    mkdirSync(dirname(path), { recursive: true });
    if (text === undefined) rmSync(path);
    else writeFileSync(path, text);
  }
}

mkdirSync(generatedFolder, { recursive: true });
const wanted = generate();
const present = readFiles(generatedFolder);
const differing = [...new Set([...wanted.keys(), ...present.keys()])].filter(
  (name) => wanted.get(name) !== present.get(name),
);
if (!process.argv.includes("--check")) {
  write(wanted, differing);
  console.log(`${wanted.size} files in ${generatedFolder}, ${differing.length} changed`);
} else if (differing.length > 0) {
  console.error(`not current, run ./dev generate: ${differing.join(", ")}`);
  process.exitCode = 1;
}
