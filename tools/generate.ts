// `./dev generate`: TypeScript from proto/ into packages/protocol/gen, without the network; and from that and the frames'
// rules docs/protocol.schema.json.
// With --check nothing is written, and the exit code is 1 where the generated code is not current.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const generatedFolder = "packages/protocol/gen";
const frameSchemaPath = "docs/protocol.schema.json";
const buf = "node_modules/.bin/buf";

function readFiles(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]));
}

function generate(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "perdure-generate-"));
  try {
    execFileSync(buf, ["generate", "--output", folder], {
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

function writeGenerated(check: boolean): string[] {
  mkdirSync(generatedFolder, { recursive: true });
  const wanted = generate();
  const present = readFiles(generatedFolder);
  const differing = [...new Set([...wanted.keys(), ...present.keys()])].filter(
    (name) => wanted.get(name) !== present.get(name),
  );
  if (!check) write(wanted, differing);
  return differing.map((name) => join(generatedFolder, name));
}

// The schema is made of the generated code, which is loaded once it is there.
async function writeFrameSchema(check: boolean): Promise<string[]> {
  const { frameSchemaText } = await import("./frame-schema/document.ts");
  const descriptors = execFileSync(buf, ["build", "--as-file-descriptor-set", "--output", "-#format=binpb"]);
  const text = frameSchemaText(descriptors);
  const present = existsSync(frameSchemaPath) ? readFileSync(frameSchemaPath, "utf8") : "";
  if (!check) writeFileSync(frameSchemaPath, text);
  return text === present ? [] : [frameSchemaPath];
}

const check = process.argv.includes("--check");
const differing = [...writeGenerated(check), ...(await writeFrameSchema(check))];
if (!check) {
  console.log(`${differing.length} files changed in ${generatedFolder} and ${frameSchemaPath}`);
} else if (differing.length > 0) {
  console.error(`not current, run ./dev generate: ${differing.join(", ")}`);
  process.exitCode = 1;
}
