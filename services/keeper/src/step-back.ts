import { readdirSync } from "node:fs";
import { setPriority } from "node:os";

/**
 * Lets other programs of this machine go first, as much as nice(1) has it. Linux keeps that for each thread, and V8's,
 * which compile for milliseconds at a time, are there before any code of ours; a thread made later has its maker's.
 * Throws where the system does not allow it.
 */
export function stepBack(nice: number): void {
  for (const thread of threads()) setPriority(thread, nice);
}

/** 0: the whole process. */
const threads = (): number[] => (process.platform === "linux" ? readdirSync("/proc/self/task").map(Number) : [0]);
