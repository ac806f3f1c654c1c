import {
  type AuthConfig,
  authConfig,
  authVariables,
  type ConfigSchema,
  integer,
  list,
  type LogConfig,
  logConfig,
  logVariables,
  type NodeConfig,
  nodeConfig,
  nodeVariables,
  port,
} from "@perdure/service-kit";
import { z } from "zod";
import type { GateConfig } from "./gate.ts";
import { DEFAULT_EDGE_LIMITS as DEFAULTS, type EdgeLimits } from "./limits.ts";

export interface EdgeConfig extends NodeConfig, GateConfig {
  readonly host: string;
  readonly port: number;
  readonly auth: AuthConfig;
  readonly log: LogConfig;
  readonly limits: Partial<EdgeLimits>;
}

const DEFAULT_PORT = 7_600;
const DEFAULT_STATUS_PORT = 9_402;
const MIB = 1024 * 1024;
/** The record in it, in the log's encoding, is at most four times as long, and the log takes 8 MiB. */
const LONGEST_FRAME_BYTES = 2 * MIB;

/** The variables of an edge node, and what it makes of them. */
export const edgeConfigSchema: ConfigSchema<EdgeConfig> = z
  .object({
    ...nodeVariables,
    ...logVariables,
    ...authVariables,
    PERDURE_EDGE_HOST: z.string().default("127.0.0.1"),
    PERDURE_EDGE_PORT: port().default(DEFAULT_PORT),
    /** Origins of the pages that may connect; `*`: any. Unset: no page, only programs. */
    PERDURE_EDGE_ORIGINS: list(/^(\*|https?:\/\/[^\s/]+)$/, "origins like https://app.example.com, or *").optional(),
    /** Names by which the node is called, without port; `*`: any. */
    PERDURE_EDGE_HOSTS: list(/^(\*|[A-Za-z0-9.:-]+)$/, "host names without port, or *").default([
      "localhost",
      "127.0.0.1",
      "::1",
    ]),
    PERDURE_EDGE_CONNECTIONS: integer(1, 10_000_000).default(DEFAULTS.connections),
    PERDURE_EDGE_CONNECTIONS_PER_SECOND: integer(1, 1_000_000).default(DEFAULTS.connectionsPerSecond),
    PERDURE_EDGE_SESSIONS_PER_CONNECTION: integer(1, 10_000).default(DEFAULTS.sessionsPerConnection),
    PERDURE_EDGE_FRAME_BYTES: integer(16 * 1024, LONGEST_FRAME_BYTES).default(DEFAULTS.maxFrameBytes),
    PERDURE_EDGE_BUFFERED_BYTES: integer(16 * 1024, 256 * MIB).default(DEFAULTS.maxBufferedBytes),
    PERDURE_EDGE_ANSWER_BYTES: integer(16 * 1024, 16 * MIB).default(DEFAULTS.maxAnswerBytes),
    PERDURE_EDGE_PENDING_ANSWERS: integer(1, 10_000).default(DEFAULTS.pendingAnswers),
    PERDURE_EDGE_OBSERVER_COUNT_MS: integer(100, 600_000).default(DEFAULTS.observerCountMs),
    PERDURE_EDGE_LAG_MS: integer(1_000, 3_600_000).default(DEFAULTS.lagMs),
  })
  .transform((values, problems): EdgeConfig => {
    const allowedOrigins = values.PERDURE_EDGE_ORIGINS ?? [];
    return {
      ...nodeConfig(values, { kind: "edge", statusPort: DEFAULT_STATUS_PORT }),
      host: values.PERDURE_EDGE_HOST,
      port: values.PERDURE_EDGE_PORT,
      allowedOrigins,
      allowedHosts: values.PERDURE_EDGE_HOSTS,
      auth: authConfig(values, problems),
      log: logConfig(values, problems),
      limits: {
        connections: values.PERDURE_EDGE_CONNECTIONS,
        connectionsPerSecond: values.PERDURE_EDGE_CONNECTIONS_PER_SECOND,
        sessionsPerConnection: values.PERDURE_EDGE_SESSIONS_PER_CONNECTION,
        maxFrameBytes: values.PERDURE_EDGE_FRAME_BYTES,
        maxBufferedBytes: values.PERDURE_EDGE_BUFFERED_BYTES,
        maxAnswerBytes: values.PERDURE_EDGE_ANSWER_BYTES,
        pendingAnswers: values.PERDURE_EDGE_PENDING_ANSWERS,
        observerCountMs: values.PERDURE_EDGE_OBSERVER_COUNT_MS,
        lagMs: values.PERDURE_EDGE_LAG_MS,
      },
    };
  });
