import type { Step } from "./deeds.ts";
import type { Plan } from "./plan.ts";

/** Whether a plan still fails in the way that is looked for. */
export type Fails = (plan: Plan) => Promise<boolean>;

/**
 * The smallest plan that still fails, by leaving out steps: halves first, then ever smaller stretches, until no single
 * one can go. Algorithm: delta debugging (Zeller and Hildebrandt, 2002), without the complements.
 */
export async function shrink(plan: Plan, fails: Fails, triesMax = 200): Promise<Plan> {
  let { steps } = plan;
  let tries = 0;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let removed = false;
    for (let at = 0; at < steps.length && tries < triesMax;) {
      const without: readonly Step[] = [...steps.slice(0, at), ...steps.slice(at + size)];
      tries += 1;
      if (await fails({ ...plan, steps: without })) {
        steps = without;
        removed = true;
      } else at += size;
    }
    if (removed && size === 1) size = 2;
  }
  return { ...plan, steps };
}
