import { ConfigError, createLogger, EXIT_CODES, loadConfig, runService } from "@perdure/service-kit";
import { type IngestConfig, ingestConfigSchema } from "./config.ts";
import { ingestService } from "./service.ts";

function readConfig(): IngestConfig {
  try {
    return loadConfig(ingestConfigSchema, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CODES.wrongConfig);
  }
}

const config = readConfig();
const logger = createLogger({ service: "ingest", node: config.node, level: config.logLevel });
const onReplaced = (): void => {
  logger.error({ node: config.node }, "another process has this node's name; give each its own PERDURE_NODE");
  process.kill(process.pid, "SIGTERM");
};
await runService(ingestService(config, logger, onReplaced), { logger, deadlineMs: config.drainMs });
