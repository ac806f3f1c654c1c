import type { Log, TopicSpec } from "@perdure/log";
import type { Registry } from "prom-client";
import type { LogConfig } from "./config/log-config.ts";
import type { NodeConfig } from "./config/node-config.ts";
import type { Logger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";
import { openLog } from "./open-log.ts";
import { runService, type Service } from "./run-service.ts";
import { type Readiness, startStatusServer, type StatusServer } from "./status-server.ts";

/** Part of the time to stop that those who are here have to go elsewhere; the rest is for the end itself. */
const DRAIN_PART = 0.6;

/** An edge, an ingest or a keeper that has started. */
export interface RunningNode {
  /** Default: it is ready as soon as it has started. */
  readiness?(): Readiness;
  /** Takes nobody new, and lets those who are here go elsewhere within this time. */
  drain(withinMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** What the process has for its node. */
export interface NodeParts {
  readonly log: Log;
  readonly metrics: Registry;
  /** To be called where another process has the node's name: this one stops. */
  readonly onReplaced: () => void;
}

export interface NodeServiceOptions {
  /** The kind of node. */
  readonly name: string;
  readonly config: Pick<NodeConfig, "node" | "status" | "drainMs">;
  readonly logConfig: LogConfig;
  readonly topics: readonly TopicSpec[];
  /** How long its reader of the log may wait for more (Kafka only), in milliseconds; default 0. */
  readonly fetchPauseMs?: number;
  readonly logger: Logger;
  start(parts: NodeParts): Promise<RunningNode>;
}

/** Runs a node as a process of its own. Resolves when the process is told to exit. */
export async function runNode(options: NodeServiceOptions): Promise<void> {
  const { logger, config } = options;
  const onReplaced = (): void => {
    logger.error({ node: config.node }, "another process has this node's name; give each its own PERDURE_NODE");
    process.kill(process.pid, "SIGTERM");
  };
  await runService(nodeService(options, onReplaced), { logger, deadlineMs: config.drainMs });
}

/** The status server, which answers from the first moment on, the log and the node. */
export function nodeService(options: NodeServiceOptions, onReplaced: () => void): Service {
  const { name, config, logConfig, topics, logger, fetchPauseMs = 0 } = options;
  const starting = new AbortController();
  let opening: Promise<Log> | undefined;
  let status: StatusServer | undefined;
  let node: RunningNode | undefined;
  let draining = false;
  const readiness = (): Readiness => {
    if (draining) return { ready: false, reason: "it drains" };
    if (node === undefined) return { ready: false, reason: "it starts: the log is not open yet" };
    return node.readiness?.() ?? { ready: true };
  };
  return {
    name,
    async start() {
      const metrics = createMetrics({ service: name, node: config.node });
      status = await startStatusServer({ ...config.status, registry: metrics, readiness });
      starting.signal.throwIfAborted();
      opening = openLog(logConfig, { topics, node: config.node, logger, fetchPauseMs, signal: starting.signal });
      const log = await opening;
      starting.signal.throwIfAborted();
      node = await options.start({ log, metrics, onReplaced });
    },
    async drain() {
      draining = true;
      await node?.drain(config.drainMs * DRAIN_PART);
    },
    async stop() {
      starting.abort();
      await node?.stop();
      // A process that exits while a log is being opened may hang: LMDB's threads are at work then.
      const log = await opening?.catch(() => undefined);
      await log?.close();
      await status?.close();
    },
  };
}
