import {
  type ConfigSchema,
  durationMs,
  integer,
  type LogConfig,
  logConfig,
  logVariables,
  type NodeConfig,
  nodeConfig,
  nodeVariables,
  type Problems,
} from "@perdure/service-kit";
import { z } from "zod";
import { DEFAULT_KEEPER_SETTINGS, type KeeperSettings } from "./settings.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

const variables = {
  ...nodeVariables,
  ...logVariables,
  /** How long a session may go on before what happened in it is covered by a head. */
  PERDURE_CHECKPOINT_MS: durationMs(100, 600_000).default(DEFAULT_KEEPER_SETTINGS.checkpointMs),
  /** Uncovered bytes of a partition past which it is checkpointed at once. */
  PERDURE_CHECKPOINT_BYTES: integer(1, 1024 * MIB).default(DEFAULT_KEEPER_SETTINGS.checkpointBytes),
  /** How long records stay in the log after heads cover them. */
  PERDURE_EVENTS_KEPT_MS: durationMs(0, 3_650 * DAY_MS).default(DEFAULT_KEEPER_SETTINGS.eventsKeptMs),
  /** How often records that are no longer kept are removed. */
  PERDURE_TRIM_MS: durationMs(1_000, DAY_MS).default(DEFAULT_KEEPER_SETTINGS.trimMs),
  /** How long more than half of the nodes, silent at once, are waited for before they are declared dead; 0: not. */
  PERDURE_EXPIRY_HOLD_MS: durationMs(0, 7 * DAY_MS).default(DEFAULT_KEEPER_SETTINGS.expiryHoldMs),
  /**
   * How far the keeper steps back for other programs of its machine, as nice(1) has it. People wait for edges and ingest;
   * for a keeper they do not, and beside it both are held up.
   */
  PERDURE_KEEPER_NICE: integer(0, 19).default(10),
};

export interface KeeperConfig {
  readonly node: NodeConfig;
  readonly log: LogConfig;
  /** What the system is asked for, from 0 to 19. */
  readonly nice: number;
  readonly keeper: Pick<KeeperSettings, "node" | "partitions"> & Partial<KeeperSettings>;
}

const STATUS_PORT = 9_402;

/** The keeper's configuration, from environment variables. */
export const keeperConfigSchema: ConfigSchema<KeeperConfig> = z.object(variables).transform(toConfig);

function toConfig(values: z.output<z.ZodObject<typeof variables>>, problems: Problems): KeeperConfig {
  const node = nodeConfig(values, { kind: "keeper", statusPort: STATUS_PORT });
  const log = logConfig(values, problems);
  return {
    node,
    log,
    nice: values.PERDURE_KEEPER_NICE,
    keeper: {
      node: node.node,
      partitions: log.partitions,
      leaseMs: node.leaseMs,
      beatMs: node.beatMs,
      rulesMax: node.rulesMax,
      checkpointMs: values.PERDURE_CHECKPOINT_MS,
      checkpointBytes: values.PERDURE_CHECKPOINT_BYTES,
      uncoveredBytesMax: Math.max(DEFAULT_KEEPER_SETTINGS.uncoveredBytesMax, 2 * values.PERDURE_CHECKPOINT_BYTES),
      eventsKeptMs: values.PERDURE_EVENTS_KEPT_MS,
      trimMs: values.PERDURE_TRIM_MS,
      expiryHoldMs: values.PERDURE_EXPIRY_HOLD_MS,
    },
  };
}
