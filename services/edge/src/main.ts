import { ConfigError, createLogger, EXIT_CODES, loadConfig, runService } from "@perdure/service-kit";
import { type EdgeConfig, edgeConfigSchema } from "./config.ts";
import { edgeService } from "./service.ts";

function readConfig(): EdgeConfig {
  try {
    return loadConfig(edgeConfigSchema, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CODES.wrongConfig);
  }
}

const config = readConfig();
const logger = createLogger({ service: "edge", node: config.node, level: config.logLevel });
const onReplaced = (): void => {
  logger.error({ node: config.node }, "another process has this node's name; give each its own PERDURE_NODE");
  process.kill(process.pid, "SIGTERM");
};
await runService(edgeService(config, logger, onReplaced), { logger, deadlineMs: config.drainMs });
