import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Clock ticks of /proc: 100 a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/**
 * Processor time that everything on this machine but this process and its children has used since it started, in
 * seconds; undefined where the system does not tell (it has no /proc).
 */
export function otherProgramsSeconds(): number | undefined {
  try {
    return (machineTicks() - ownTicks()) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** User, nice, system, irq and softirq of proc(5). */
function machineTicks(): number {
  const [, user, nice, system, , , irq, softIrq] = readFileSync("/proc/stat", "utf8").split(/\s+/).map(Number);
  return [user, nice, system, irq, softIrq].reduce((sum: number, ticks = 0) => sum + ticks, 0);
}

interface ProcessTicks {
  readonly parent: number;
  readonly ticks: number;
}

function ownTicks(): number {
  const processes = new Map<number, ProcessTicks>();
  for (const name of readdirSync("/proc")) {
    const ticks = /^\d+$/.test(name) ? ticksOf(name) : undefined;
    if (ticks !== undefined) processes.set(Number(name), ticks);
  }
  const isOwn = (pid: number): boolean => {
    const found = processes.get(pid);
    return pid === process.pid || (found !== undefined && isOwn(found.parent));
  };
  return [...processes].reduce((sum, [pid, { ticks }]) => sum + (isOwn(pid) ? ticks : 0), 0);
}

function ticksOf(pid: string): ProcessTicks | undefined {
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

/** The share of the machine's processors that others had for themselves while `run` ran; 0 where that is not known. */
export async function sharedWithOthers<Result>(run: () => Promise<Result>): Promise<[result: Result, share: number]> {
  const startMs = performance.now();
  const before = otherProgramsSeconds();
  const result = await run();
  const after = otherProgramsSeconds();
  const passedS = ((performance.now() - startMs) / 1_000) * availableParallelism();
  return [result, before === undefined || after === undefined ? 0 : Math.max(0, after - before) / passedS];
}
