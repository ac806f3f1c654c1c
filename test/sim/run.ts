import { Cluster } from "./cluster/cluster.ts";
import { judge } from "./oracle/judge.ts";
import type { Plan } from "./plan/plan.ts";
import { enterWorld } from "./world/world.ts";

export interface Outcome {
  /** What was found wrong; empty: nothing. */
  readonly faults: readonly string[];
  readonly traceHash: string;
  readonly tasks: number;
  /** Records in the log. */
  readonly records: number;
}

/** Far more than any run takes: something goes on and on. */
const TASKS_MAX = 600_000;
/** Faults that end by themselves have ended by then, and everybody has heard. */
const SETTLE_MS = [25_000, 15_000, 20_000, 60_000];

/** One run, from start to verdict. */
export async function run(plan: Plan): Promise<Outcome> {
  const cluster = new Cluster(plan);
  const { world, recorder } = cluster;
  const { scheduler } = world;
  enterWorld(world);
  const crashed = (error: unknown): void =>
    recorder.fault(`crash: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.on("unhandledRejection", crashed);
  process.on("uncaughtException", crashed);
  try {
    const beginMs = scheduler.nowMs;
    cluster.startAll();
    for (const { atMs, ...deed } of plan.steps) scheduler.after(atMs, undefined, () => cluster.do(deed));
    const isEndless = (): boolean => scheduler.taskCount > TASKS_MAX;
    await scheduler.runUntil(beginMs + plan.activeMs, isEndless);
    scheduler.after(0, undefined, () => cluster.heal());
    let faults: readonly string[] = [];
    for (const settleMs of SETTLE_MS) {
      await scheduler.runUntil(scheduler.nowMs + settleMs, isEndless);
      if (isEndless()) recorder.fault(`bounded: ${scheduler.taskCount} tasks at ${scheduler.nowMs - beginMs} ms`);
      faults = isEndless() ? recorder.faults : await judge(cluster);
      if (faults.length === 0 || recorder.faults.length > 0) break;
    }
    const records = cluster.broker.partitions("events").reduce((sum, { next }) => sum + next, 0);
    return { faults, traceHash: scheduler.traceHash(), tasks: scheduler.taskCount, records };
  } finally {
    process.off("unhandledRejection", crashed);
    process.off("uncaughtException", crashed);
    enterWorld(undefined);
  }
}
