import { Server, ServerCredentials } from "@grpc/grpc-js";
import { FIRST_RULES, RULE_BOOK, type RuleBook } from "@perdure/core";
import type { Log } from "@perdure/log";
import { createReplica, type Replica, TOPICS } from "@perdure/replica";
import {
  beatNode,
  type Clock,
  createVerifier,
  type Logger,
  type NodeBeat,
  Paced,
  systemClock,
} from "@perdure/service-kit";
import type { Registry } from "prom-client";
import { Agents } from "./agents/agent-service.ts";
import type { AgentDeps } from "./agents/deps.ts";
import { registerSessionService } from "./calls/session-service.ts";
import { registerSignalService } from "./calls/signal-service.ts";
import { ReportedAgents } from "./calls/reported-agents.ts";
import { SessionWriters } from "./calls/session-writers.ts";
import type { IngestConfig } from "./config.ts";
import { Health } from "./health.ts";
import { DEFAULT_INGEST_LIMITS, type IngestLimits } from "./limits.ts";
import { ingestMetrics } from "./metrics.ts";
import { registerReflection } from "./reflection.ts";

export interface IngestOptions {
  readonly log: Log;
  /** One that the process has already; without it the node makes its own. */
  readonly replica?: Replica;
  readonly config: IngestServerConfig;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock?: Clock;
  readonly limits?: Partial<IngestLimits>;
  /** The rules that it judges by. Default: all that the code knows. */
  readonly book?: RuleBook;
  /** Another process has taken this node's name: it should stop. */
  readonly onReplaced?: () => void;
}

/** What the library needs of the configuration; main adds where the log and the status server are. */
export type IngestServerConfig = Omit<IngestConfig, "log" | "logLevel" | "status" | "drainMs" | "rulesMax"> & {
  readonly partitions: number;
  /** The highest version of the rules that this node says it knows. Default: all. */
  readonly rulesMax?: number;
};

/** A running ingest node. */
export interface Ingest {
  readonly port: number;
  /** Takes nobody new and asks its agents to go elsewhere; settles when they have gone, or after `withinMs`. */
  drain(withinMs: number): Promise<void>;
  /** Ends every stream, tells the sessions, and lets go of port, timers and what it opened itself. */
  stop(): Promise<void>;
}

/** How long calls that are not streams may take to end. */
const CLOSE_MS = 1_000;

/** Starts a node: where agents and backends publish. Rejects where the port is in use or the log cannot be written. */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const { log, config, logger, clock = systemClock, book = RULE_BOOK } = options;
  const { partitions } = config;
  let newSessionRules = (): number => FIRST_RULES;
  const replica =
    options.replica ??
    createReplica({
      log,
      partitions,
      logger,
      clock,
      book,
      newSessionRules: () => newSessionRules(),
      // An agent that comes back is told the state: nobody here asks for what was before.
      limits: { recentRecords: 0 },
    });
  const limits = { ...DEFAULT_INGEST_LIMITS, ...options.limits };
  const server = new Server(serverOptions(limits));
  let port: number;
  try {
    port = await listen(server, config);
  } catch (error) {
    if (options.replica === undefined) await replica.close();
    throw error;
  }
  const beat = await beginLease(options, clock, () => agents.announceAll());
  newSessionRules = () => beat.rulesOfAll;
  const onKeysProblem = (error: unknown): void => logger.warn({ err: error }, "the issuer's keys cannot be read");
  const announcing = new Paced<object>(clock, { perSecond: limits.announcesPerSecond, begins: "at once" });
  const deps: AgentDeps = {
    replica,
    node: identityOf(config.node, beat),
    verifier: createVerifier({ ...config.auth, onKeysProblem }),
    clock,
    logger,
    metrics: ingestMetrics(options.metrics),
    announcing,
    limits,
    advertisedUrl: config.advertisedUrl,
  };
  const agents = new Agents(deps);
  const writers = new SessionWriters(replica, clock);
  const reported = new ReportedAgents(deps);
  const health = new Health();
  agents.register(server);
  registerSessionService(server, deps);
  registerSignalService(server, { ...deps, writers, reported });
  health.register(server);
  registerReflection(server);
  return {
    port,
    async drain(withinMs) {
      health.drain();
      // Not waited for: a log that is away must not take the time in which agents can go elsewhere.
      beat.drain().catch((error: unknown) => logger.warn({ err: error }, "draining could not be announced"));
      await agents.drain(withinMs);
    },
    async stop() {
      health.drain();
      await agents.stop();
      announcing.close();
      await reported.close();
      await writers.close();
      await close(server, clock);
      await beat.leave().catch((error: unknown) => logger.warn({ err: error }, "the lease could not be given up"));
      if (options.replica === undefined) await replica.close();
    },
  };
}

function beginLease(options: IngestOptions, clock: Clock, onNewLife: () => void): Promise<NodeBeat> {
  const { log, config, logger, book = RULE_BOOK } = options;
  return beatNode({
    log,
    topic: TOPICS.nodes,
    node: config.node,
    kind: "NODE_KIND_INGEST",
    rules: Math.min(book.length, config.rulesMax ?? book.length),
    leaseMs: config.leaseMs,
    beatMs: config.beatMs,
    clock,
    onExpired: onNewLife,
    onReplaced: () => options.onReplaced?.(),
    onProblem: (error) => logger.warn({ err: error }, "the node's lease could not be written or read"),
  });
}

function identityOf(name: string, beat: NodeBeat): AgentDeps["node"] {
  return {
    name,
    get incarnation() {
      return beat.incarnation;
    },
    declaredOver: (incarnation) => beat.declaredOver(incarnation),
  };
}

function serverOptions({ maxMessageBytes }: IngestLimits) {
  return {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 10_000,
    "grpc.keepalive_timeout_ms": 5_000,
  };
}

async function listen(server: Server, { host, port, tls }: IngestServerConfig): Promise<number> {
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }]);
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(`cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
}

async function close(server: Server, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(CLOSE_MS, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      cancel();
      resolve();
    });
  });
}
