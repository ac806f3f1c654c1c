export { type Grant, TOKEN_ROLES, type TokenRole } from "./auth/grant.ts";
export { mintToken, type TokenClaims } from "./auth/mint-token.ts";
export { renewedGrant } from "./auth/renewed-grant.ts";
export { createVerifier, type Verifier, type VerifierOptions } from "./auth/verifier.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type AuthConfig, authConfig, type AuthKeys, authVariables } from "./config/auth-config.ts";
export { configOrExit } from "./config/config-or-exit.ts";
export { ConfigError, type ConfigSchema, loadConfig } from "./config/load-config.ts";
export { type LogConfig, logConfig, logVariables } from "./config/log-config.ts";
export { type NodeConfig, nodeConfig, nodeVariables } from "./config/node-config.ts";
export {
  bool,
  durationMs,
  integer,
  list,
  port,
  problem,
  type Problems,
  readText,
  secretFrom,
} from "./config/variables.ts";
export { createLogger, type Logger } from "./logger.ts";
export { createMetrics, LATENCY_BUCKETS_S } from "./metrics.ts";
export { NODE_FLAGS } from "./node-flags.ts";
export { beatNode, type NodeBeat, type NodeBeatOptions } from "./node-beat.ts";
export { type NodeServiceOptions, runNode, type RunningNode } from "./node-service.ts";
export { openLog, type OpenLogOptions } from "./open-log.ts";
export { Paced } from "./paced.ts";
export { isRunning, rulesOfAll } from "./rules-of-all.ts";
export { EXIT_CODES, type RunOptions, runService, type Service } from "./run-service.ts";
export { type Readiness, startStatusServer, type StatusServer, type StatusServerOptions } from "./status-server.ts";
export { startTracing, type Tracing, type TracingOptions } from "./tracing.ts";
