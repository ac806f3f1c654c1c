import type { z } from "zod";

/** What stops a start before anything runs: each problem begins with the name of its variable. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration is wrong:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** `z.object({ PERDURE_…: … }).transform(toConfig)`: the variables of a service, and what it makes of them. */
export type ConfigSchema<Config> = z.ZodType<Config> & {
  readonly in: { readonly shape: Readonly<Record<string, unknown>> };
};

/** Variables that begin so are ours: one that no schema knows is a mistake, not a neighbour's. */
const PREFIX = "PERDURE_";

/**
 * Reads a service's configuration from environment variables. An empty value counts as none. Throws ConfigError that
 * names every wrong and every unknown PERDURE_ variable; the values themselves are not shown, since some are secret.
 */
export function loadConfig<Config>(schema: ConfigSchema<Config>, env: NodeJS.ProcessEnv): Config {
  const present = Object.entries(env).filter(([, value]) => value !== undefined && value !== "");
  const known = Object.keys(schema.in.shape);
  const unknown = present.map(([name]) => name).filter((name) => name.startsWith(PREFIX) && !known.includes(name));
  const problems = unknown.toSorted().map((name) => `${name}: there is no such variable`);
  const parsed = schema.safeParse(Object.fromEntries(present));
  const issues = parsed.error?.issues ?? [];
  problems.push(...issues.map((issue) => `${issue.path.map(String).join(".")}: ${issue.message}`));
  if (parsed.data === undefined || problems.length > 0) throw new ConfigError(problems);
  return parsed.data;
}
