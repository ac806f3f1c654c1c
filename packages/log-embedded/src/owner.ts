import { readFileSync } from "node:fs";
import { LogError } from "@perdure/log";
import type { RootDatabase } from "lmdb";

const OWNER_KEY = "~owner";

/** A process, told apart from a later one that got the same number, as every restart of a container does. */
interface ProcessMark {
  readonly pid: number;
  readonly startedAt: string;
}

/** Directories that this process holds open. */
const heldHere = new Set<string>();

/**
 * Takes the directory for this process. LMDB's write lock, which the kernel frees when a process dies, decides between
 * two that try at once. Throws `unavailable` where another open log, here or in a living process, holds it.
 */
export function takeDirectory(root: RootDatabase, dir: string): void {
  const me: ProcessMark = { pid: process.pid, startedAt: startedAt(process.pid) };
  root.transactionSync(() => {
    const owner: unknown = root.get(OWNER_KEY);
    if (isProcessMark(owner) && holds(owner, dir)) throw heldError(dir, owner.pid);
    root.putSync(OWNER_KEY, me);
  });
  heldHere.add(dir);
}

/** Lets go of it, so that the next one need not look for a dead process. */
export function leaveDirectory(root: RootDatabase, dir: string): void {
  root.removeSync(OWNER_KEY);
  heldHere.delete(dir);
}

function heldError(dir: string, pid: number): LogError {
  return new LogError(
    "unavailable",
    `${dir} is already open in process ${pid}: the embedded log belongs to one process. Stop that one, or choose another directory`,
  );
}

function holds(owner: ProcessMark, dir: string): boolean {
  if (owner.pid === process.pid && owner.startedAt === startedAt(process.pid)) return heldHere.has(dir);
  return isAlive(owner.pid) && startedAt(owner.pid) === owner.startedAt;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** When a process began, in the kernel's count within this boot; empty where the system does not tell. */
function startedAt(pid: number): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in brackets, which may hold anything; the 22nd field is the start time.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    return `${boot}:${ticks}`;
  } catch {
    return "";
  }
}

function isProcessMark(value: unknown): value is ProcessMark {
  return (
    typeof value === "object" &&
    value !== null &&
    "pid" in value &&
    typeof value.pid === "number" &&
    "startedAt" in value &&
    typeof value.startedAt === "string"
  );
}
