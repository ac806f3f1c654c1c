import { topicSpecs } from "@perdure/replica";
import { configOrExit, createLogger, runNode } from "@perdure/service-kit";
import { keeperConfigSchema } from "./config.ts";
import { startKeeper } from "./keeper.ts";
import { stepBack } from "./step-back.ts";

const { node: config, log: logConfig, keeper: settings, nice } = configOrExit(keeperConfigSchema);
const logger = createLogger({ service: "keeper", node: config.node, level: config.logLevel });

try {
  stepBack(nice);
} catch (error) {
  logger.warn({ err: error }, "the system does not let the keeper step back; others may wait for it");
}

await runNode({
  name: "keeper",
  config,
  logConfig,
  topics: topicSpecs(logConfig.partitions),
  // Nobody waits for a head; a run waits for its pool this long at most, and only while others are busy.
  fetchPauseMs: 20,
  logger,
  async start(parts) {
    const keeper = await startKeeper({ ...parts, config: settings, logger });
    // Nobody is here who could go elsewhere: what it keeps goes to another with its end.
    const stop = (): Promise<void> => keeper.stop();
    return { readiness: () => keeper.readiness(), drain: stop, stop };
  },
});
