// Exits 0 when node_modules holds every package that package-lock.json asks for on this machine, 1 otherwise.
import { readFileSync } from "node:fs";

interface LockedPackage {
  readonly version?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
}

function isLock(value: unknown): value is { packages: Record<string, LockedPackage> } {
  return typeof value === "object" && value !== null && "packages" in value;
}

function readLock(path: string): Map<string, LockedPackage> {
  const lock: unknown = JSON.parse(readFileSync(path, "utf8"));
  return new Map(Object.entries(isLock(lock) ? lock.packages : {}));
}

function isInstalled(): boolean {
  try {
    const installed = readLock("node_modules/.package-lock.json");
    return [...readLock("package-lock.json")]
      .filter(([path, wanted]) => path.startsWith("node_modules/") || (path.includes("/node_modules/") && !wanted.link))
      .every(([path, wanted]) => {
        const found = installed.get(path);
        return found === undefined ? wanted.optional === true : found.version === wanted.version;
      });
  } catch {
    return false;
  }
}

process.exit(isInstalled() ? 0 : 1);
