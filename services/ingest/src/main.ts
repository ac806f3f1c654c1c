import { topicSpecs } from "@perdure/replica";
import { configOrExit, createLogger, runNode } from "@perdure/service-kit";
import { ingestConfigSchema } from "./config.ts";
import { startIngest } from "./ingest.ts";

const config = configOrExit(ingestConfigSchema);
const { log: logConfig } = config;
const { partitions } = logConfig;
const logger = createLogger({ service: "ingest", node: config.node, level: config.logLevel });

await runNode({
  name: "ingest",
  config,
  logConfig,
  topics: topicSpecs(partitions),
  // Its readers are agents, who only hear verdicts and signals; people read at an edge.
  fetchPauseMs: 4,
  logger,
  async start(parts) {
    const ingest = await startIngest({ ...parts, config: { ...config, partitions }, logger });
    logger.info({ port: ingest.port, host: config.host }, "agents may connect");
    return ingest;
  },
});
