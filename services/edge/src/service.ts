import type { Log } from "@perdure/log";
import { topicSpecs } from "@perdure/replica";
import {
  createMetrics,
  createVerifier,
  type Logger,
  openLog,
  type Service,
  startStatusServer,
  type StatusServer,
} from "@perdure/service-kit";
import type { EdgeConfig } from "./config.ts";
import { type Edge, startEdge } from "./edge.ts";

/** Part of the time to stop that clients have to go elsewhere; the rest is for the end itself. */
const DRAIN_PART = 0.6;

/** An edge as a process of its own: its log, its status server, and the node. */
export function edgeService(config: EdgeConfig, logger: Logger, onReplaced: () => void): Service {
  const starting = new AbortController();
  let log: Log | undefined;
  let status: StatusServer | undefined;
  let edge: Edge | undefined;
  let draining = false;
  return {
    name: "edge",
    async start() {
      const metrics = createMetrics({ service: "edge", node: config.node });
      status = await startStatusServer({
        ...config.status,
        registry: metrics,
        readiness: () => {
          if (edge === undefined) return { ready: false, reason: "it starts: the log is not open yet" };
          return draining ? { ready: false, reason: "it drains" } : { ready: true };
        },
      });
      const { partitions } = config.log;
      log = await openLog(config.log, {
        topics: topicSpecs(partitions),
        node: config.node,
        logger,
        signal: starting.signal,
      });
      const onKeysProblem = (error: unknown): void => logger.warn({ err: error }, "the issuer's keys cannot be read");
      const verifier = createVerifier({ ...config.auth, onKeysProblem });
      const { limits } = config;
      edge = await startEdge({ log, partitions, verifier, config, limits, logger, metrics, onReplaced });
      logger.info({ port: edge.port, host: config.host }, "clients may connect");
    },
    async drain() {
      draining = true;
      await edge?.drain(config.drainMs * DRAIN_PART);
    },
    async stop() {
      starting.abort();
      await edge?.stop();
      await log?.close();
      await status?.close();
    },
  };
}
