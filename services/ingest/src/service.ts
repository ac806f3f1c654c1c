import type { Log } from "@perdure/log";
import { topicSpecs } from "@perdure/replica";
import {
  createMetrics,
  type Logger,
  openLog,
  type Service,
  startStatusServer,
  type StatusServer,
} from "@perdure/service-kit";
import type { IngestConfig } from "./config.ts";
import { type Ingest, startIngest } from "./ingest.ts";

/** Part of the time to stop that agents have to go elsewhere; the rest is for the end itself. */
const DRAIN_PART = 0.6;

/** An ingest node as a process of its own: its log, its status server, and the node. */
export function ingestService(config: IngestConfig, logger: Logger, onReplaced: () => void): Service {
  const starting = new AbortController();
  let log: Log | undefined;
  let status: StatusServer | undefined;
  let ingest: Ingest | undefined;
  let draining = false;
  return {
    name: "ingest",
    async start() {
      const metrics = createMetrics({ service: "ingest", node: config.node });
      status = await startStatusServer({
        ...config.status,
        registry: metrics,
        readiness: () => {
          if (ingest === undefined) return { ready: false, reason: "it starts: the log is not open yet" };
          return draining ? { ready: false, reason: "it drains" } : { ready: true };
        },
      });
      const { partitions } = config.log;
      log = await openLog(config.log, {
        topics: topicSpecs(partitions),
        node: config.node,
        logger,
        // Its readers are agents, who only hear verdicts and signals; people read at an edge.
        fetchPauseMs: 4,
        signal: starting.signal,
      });
      ingest = await startIngest({ log, config: { ...config, partitions }, logger, metrics, onReplaced });
      logger.info({ port: ingest.port, host: config.host }, "agents may connect");
    },
    async drain() {
      draining = true;
      await ingest?.drain(config.drainMs * DRAIN_PART);
    },
    async stop() {
      starting.abort();
      await ingest?.stop();
      await log?.close();
      await status?.close();
    },
  };
}
