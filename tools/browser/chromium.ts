// The Chromium that the browser tests drive: CHROME_PATH, the system's, or one installed through apt.
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const names = ["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"];
const macPaths = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
const aptInstall = join(dirname(fileURLToPath(import.meta.url)), "..", "apt-install.sh");

/** Path of a Chromium; installs one where there is none and apt allows it. Throws with what to do otherwise. */
export function findChromium(): string {
  const chosen = process.env["CHROME_PATH"];
  if (chosen !== undefined) {
    if (isProgram(chosen)) return chosen;
    throw new Error(`CHROME_PATH is set to ${chosen}, and that is no program`);
  }
  return onThisSystem() ?? installed() ?? fail();
}

function onThisSystem(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...paths, ...macPaths].find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function installed(): string | undefined {
  if (process.platform !== "linux") return undefined;
  console.error("browser: installing chromium through apt (once)");
  spawnSync("sh", [aptInstall, "chromium"], { stdio: ["ignore", 2, 2] });
  return onThisSystem();
}

function fail(): never {
  throw new Error("the browser tests need Chromium or Chrome: install one, or set CHROME_PATH to its program");
}
