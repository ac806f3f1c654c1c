// A Python of its own under .runtime/, with what examples/python needs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const requirements = join(root, "examples/python/requirements.txt");
const aptInstall = join(root, "tools/apt-install.sh");

/** Path of a Python with the packages, installed where they are missing. Throws with what to do otherwise. */
export function findPython(): string {
  const name = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const folder = join(root, `.runtime/python-${name}`);
  const python = join(folder, "bin/python");
  if (existsSync(python)) return python;
  console.error("python: installing websockets (once)");
  // Made beside its place, so that nobody meets half of it; who comes second leaves the first one's there.
  const fresh = `${folder}.new.${process.pid}`;
  try {
    makeEnvironment(fresh);
    run(join(fresh, "bin/python"), [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "-r",
      requirements,
    ]);
    if (!existsSync(folder)) renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return python;
}

/** Debian keeps what makes environments apart from Python itself. */
function makeEnvironment(folder: string): void {
  if (succeeds("python3", ["-m", "venv", folder])) return;
  spawnSync("sh", [aptInstall, "python3", "python3-venv"], { stdio: ["ignore", 2, 2] });
  rmSync(folder, { recursive: true, force: true });
  run("python3", ["-m", "venv", folder]);
}

const succeeds = (program: string, args: readonly string[]): boolean => spawnSync(program, args).status === 0;

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new Error(`Python 3.10 or newer with venv and pip is needed (apt: python3-venv); ${program} said: ${reason}`);
}
