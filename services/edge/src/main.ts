import { topicSpecs } from "@perdure/replica";
import { configOrExit, createLogger, createVerifier, runNode } from "@perdure/service-kit";
import { edgeConfigSchema } from "./config.ts";
import { startEdge } from "./edge.ts";

const config = configOrExit(edgeConfigSchema);
const { auth, limits, log: logConfig } = config;
const { partitions } = logConfig;
const logger = createLogger({ service: "edge", node: config.node, level: config.logLevel });

await runNode({
  name: "edge",
  config,
  logConfig,
  topics: topicSpecs(partitions),
  logger,
  async start(parts) {
    const onKeysProblem = (error: unknown): void => logger.warn({ err: error }, "the issuer's keys cannot be read");
    const verifier = createVerifier({ ...auth, onKeysProblem });
    const edge = await startEdge({ ...parts, partitions, verifier, config, limits, logger });
    logger.info({ port: edge.port, host: config.host }, "clients may connect");
    return edge;
  },
});
