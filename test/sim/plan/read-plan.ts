import type { Plan } from "./plan.ts";

/** A plan as `./dev sim` has printed it. Throws where it is none. */
export function readPlan(text: string): Plan {
  const value: unknown = JSON.parse(text);
  if (!isPlan(value)) throw new Error("a plan is what ./dev sim prints of a seed that fails, from { to }");
  return value;
}

const isPlan = (value: unknown): value is Plan =>
  typeof value === "object" && value !== null && "seed" in value && "steps" in value && Array.isArray(value.steps);
