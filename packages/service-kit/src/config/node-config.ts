import { hostname } from "node:os";
import { z } from "zod";
import { durationMs, integer, port } from "./variables.ts";

/** What every service takes. */
export const nodeVariables = {
  /** Name of the process in presence, leases and logs; unique among all that run. */
  PERDURE_NODE: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 _ . -")
    .optional(),
  PERDURE_LOG_LEVEL: z
    .enum(
      ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
      "must be trace, debug, info, warn, error, fatal or silent",
    )
    .default("info"),
  /** Address of /livez, /readyz and /metrics. */
  PERDURE_STATUS_HOST: z.string().default("127.0.0.1"),
  PERDURE_STATUS_PORT: port().optional(),
  /** How long a stop may take: new work is refused, what runs moves elsewhere. */
  PERDURE_DRAIN_MS: durationMs(0, 3_600_000).default(25_000),
  /** The lease that says this node lives, and how often it is renewed. */
  PERDURE_LEASE_MS: integer(1_000, 600_000).default(6_000),
  PERDURE_BEAT_MS: integer(100, 60_000).default(2_000),
  /** The highest version of the rules that this node says it knows: sessions are upgraded no further. Default: all. */
  PERDURE_RULES_MAX: integer(1, Number.MAX_SAFE_INTEGER).default(Number.MAX_SAFE_INTEGER),
};

export interface NodeConfig {
  readonly node: string;
  readonly logLevel: string;
  readonly status: { readonly host: string; readonly port: number };
  readonly drainMs: number;
  readonly leaseMs: number;
  readonly beatMs: number;
  readonly rulesMax: number;
}

/** `kind` (edge, ingest, keeper) begins the name that a node has where none is set: `kind-host-pid`. */
export function nodeConfig(
  values: z.output<z.ZodObject<typeof nodeVariables>>,
  service: { readonly kind: string; readonly statusPort: number },
): NodeConfig {
  const host = hostname().replaceAll(/[^A-Za-z0-9_.-]/g, "-");
  return {
    node: values.PERDURE_NODE ?? `${service.kind}-${host.slice(0, 40)}-${process.pid}`,
    logLevel: values.PERDURE_LOG_LEVEL,
    status: { host: values.PERDURE_STATUS_HOST, port: values.PERDURE_STATUS_PORT ?? service.statusPort },
    drainMs: values.PERDURE_DRAIN_MS,
    leaseMs: values.PERDURE_LEASE_MS,
    beatMs: values.PERDURE_BEAT_MS,
    rulesMax: values.PERDURE_RULES_MAX,
  };
}
