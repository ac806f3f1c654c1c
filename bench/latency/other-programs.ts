import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Clock ticks of /proc: 100 a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Everything on this machine but this process and what it has started by now; where there is no /proc, nothing is known. */
export class OtherPrograms {
  readonly #own: readonly number[] = ownProcesses();

  /** The share of the machine's processors that they had while `run` ran; 0 where that is not known. */
  async during<Result>(run: () => Promise<Result>): Promise<[result: Result, share: number]> {
    const startMs = performance.now();
    const before = this.#ticks();
    const result = await run();
    const ticks = Math.max(0, this.#ticks() - before);
    const passedS = ((performance.now() - startMs) / 1_000) * availableParallelism();
    return [result, ticks / ticksPerSecond / passedS];
  }

  /** Read from a few files, since this stands still meanwhile. */
  #ticks(): number {
    return this.#own.reduce((rest, pid) => rest - (statOf(pid)?.ticks ?? 0), this.#own.length > 0 ? machineTicks() : 0);
  }
}

/** User, nice, system, irq and softirq of proc(5). */
function machineTicks(): number {
  const [, user, nice, system, , , irq, softIrq] = readFileSync("/proc/stat", "utf8").split(/\s+/).map(Number);
  return [user, nice, system, irq, softIrq].reduce((sum: number, ticks = 0) => sum + ticks, 0);
}

interface ProcessStat {
  readonly parent: number;
  readonly ticks: number;
}

/** This process and its descendants. */
function ownProcesses(): number[] {
  const parents = new Map<number, number>();
  for (const name of filesOf("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) parents.set(Number(name), stat.parent);
  }
  const isOwn = (pid: number): boolean => {
    const parent = parents.get(pid);
    return pid === process.pid || (parent !== undefined && isOwn(parent));
  };
  return [...parents.keys()].filter(isOwn);
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function statOf(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may hold anything: the parent is field 4, the times are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
