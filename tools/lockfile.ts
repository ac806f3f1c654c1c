// Checks package-lock.json: it must name no registry, and hold every package that another one asks for, also those for
// other systems. npm leaves out what a registry does not have on that day, and `npm ci` then fails on the next machine.
import { readFileSync } from "node:fs";

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function isLock(value: unknown): value is { packages: Record<string, LockedPackage> } {
  return typeof value === "object" && value !== null && "packages" in value;
}

/** Whether `name`, asked for by the package at `path`, is found as Node would find it: in the folders above. */
function isLocked(paths: ReadonlySet<string>, path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(folder.lastIndexOf("/"), 0))) {
    if (paths.has(folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`)) return true;
    if (folder === "") return false;
  }
}

const lock: unknown = JSON.parse(readFileSync("package-lock.json", "utf8"));
if (!isLock(lock)) throw new Error("package-lock.json has no packages");
const paths = new Set(Object.keys(lock.packages));
const problems = Object.entries(lock.packages).flatMap(
  ([path, { resolved, link, dependencies, optionalDependencies }]) => {
    const wanted = Object.keys({ ...dependencies, ...optionalDependencies });
    const missing = wanted.filter((name) => !isLocked(paths, path, name));
    return [
      ...(resolved !== undefined && link !== true
        ? [`${path} is resolved to an address; .npmrc leaves those out`]
        : []),
      ...(missing.length > 0
        ? [`${path}: the lock file lacks ${missing.join(", ")}; choose a version whose packages exist for every system`]
        : []),
    ];
  },
);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
