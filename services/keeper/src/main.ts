import type { Log } from "@perdure/log";
import { topicSpecs } from "@perdure/replica";
import {
  ConfigError,
  createLogger,
  createMetrics,
  EXIT_CODES,
  loadConfig,
  openLog,
  runService,
  type Service,
  startStatusServer,
  type StatusServer,
} from "@perdure/service-kit";
import { type KeeperConfig, keeperConfigSchema } from "./config.ts";
import { type Keeper, startKeeper } from "./keeper.ts";
import { stepBack } from "./step-back.ts";

/** The keeper as a process of its own. */
class KeeperService implements Service {
  readonly name = "keeper";
  readonly #config: KeeperConfig;
  readonly #logger: ReturnType<typeof createLogger>;
  readonly #opening = new AbortController();
  #status: StatusServer | undefined;
  #log: Log | undefined;
  #keeper: Keeper | undefined;
  #draining = false;

  constructor(config: KeeperConfig, logger: ReturnType<typeof createLogger>) {
    this.#config = config;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    const { node, log, keeper } = this.#config;
    this.#stepBack();
    const metrics = createMetrics({ service: this.name, node: node.node });
    this.#status = await startStatusServer({
      ...node.status,
      registry: metrics,
      readiness: () => {
        if (this.#draining) return { ready: false, reason: "stopping" };
        return this.#keeper?.readiness() ?? { ready: false, reason: "waiting for the log" };
      },
    });
    this.#log = await openLog(log, {
      topics: topicSpecs(log.partitions),
      node: node.node,
      logger: this.#logger,
      // Nobody waits for a head; a run waits for its pool this long at most, and only while others are busy.
      fetchPauseMs: 20,
      signal: this.#opening.signal,
    });
    this.#keeper = await startKeeper({
      log: this.#log,
      config: keeper,
      logger: this.#logger,
      metrics,
      onReplaced: () => process.kill(process.pid, "SIGTERM"),
    });
  }

  #stepBack(): void {
    try {
      stepBack(this.#config.nice);
    } catch (error) {
      this.#logger.warn({ err: error }, "the system does not let the keeper step back; others may wait for it");
    }
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#opening.abort();
    await this.#keeper?.stop();
  }

  async stop(): Promise<void> {
    this.#opening.abort();
    await this.#keeper?.stop();
    await this.#log?.close();
    await this.#status?.close();
  }
}

try {
  const config = loadConfig(keeperConfigSchema, process.env);
  const logger = createLogger({ service: "keeper", node: config.node.node, level: config.node.logLevel });
  await runService(new KeeperService(config, logger), { logger, deadlineMs: config.node.drainMs });
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = EXIT_CODES.wrongConfig;
}
