import { RULE_BOOK, type RuleBook } from "@perdure/core";
import type { Log } from "@perdure/log";
import { createReplica, type Replica, TOPICS } from "@perdure/replica";
import { beatNode, type Clock, type Logger, type NodeBeat, systemClock, type Verifier } from "@perdure/service-kit";
import type { Registry } from "prom-client";
import { App, type TemplatedApp, us_listen_socket_close, us_socket_local_port } from "uWebSockets.js";
import { Connections } from "./connections.ts";
import { Fanout } from "./fanout.ts";
import type { GateConfig } from "./gate.ts";
import { HistoryReader } from "./history.ts";
import { routeHttp } from "./http-routes.ts";
import { DEFAULT_EDGE_LIMITS, type EdgeLimits } from "./limits.ts";
import { edgeMetrics } from "./metrics.ts";
import type { NodeIdentity } from "./presence.ts";
import { Rooms } from "./rooms.ts";
import { Turns } from "./turns.ts";
import { Updates } from "./updates.ts";
import { routeWebSocket } from "./websocket-route.ts";

export interface EdgeOptions {
  readonly log: Log;
  /** Partitions of `events`. */
  readonly partitions: number;
  /** Shared with others in the process; default: one of its own, closed with the edge. */
  readonly replica?: Replica;
  readonly verifier: Verifier;
  readonly config: EdgeSettings;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock?: Clock;
  readonly limits?: Partial<EdgeLimits>;
  /** The rules that it judges by. Default: all that the code knows. */
  readonly book?: RuleBook;
  /** Another process beats under this node's name: stop. */
  readonly onReplaced: () => void;
}

/** What is particular to one edge. */
export interface EdgeSettings extends GateConfig {
  /** Unique among all nodes. */
  readonly node: string;
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly leaseMs: number;
  readonly beatMs: number;
  /** The highest version of the rules that this node says it knows. Default: all. */
  readonly rulesMax?: number;
}

export interface Edge {
  readonly port: number;
  /** Takes nobody in any more and sends its clients elsewhere, within the time given; resolves when they are gone. */
  drain(withinMs: number): Promise<void>;
  /** Closes everything; members that are still here are written as gone. */
  stop(): Promise<void>;
}

/** How long a stop waits for the log to take the last leaves, in milliseconds. */
const LEAVE_MS = 3_000;

/** Serves clients until stopped. Rejects where the log cannot be reached or the port is in use. */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { log, partitions, config, logger, clock = systemClock, book = RULE_BOOK } = options;
  const onNewLife: (() => void)[] = [];
  const beat = await beginLease(options, clock, () => onNewLife.forEach((call) => call()));
  const newSessionRules = (): number => beat.rulesOfAll;
  const replica = options.replica ?? createReplica({ log, partitions, logger, clock, book, newSessionRules });
  const app = App();
  const node = {
    name: config.node,
    incarnation: () => beat.incarnation,
    declaredOver: (incarnation: number) => beat.declaredOver(incarnation),
  };
  const { connections, rooms } = assemble(options, { app, replica, node, clock });
  onNewLife.push(() => rooms.rejoin());
  const close = async (): Promise<void> => {
    connections.close();
    await rooms.leaveAll(LEAVE_MS);
    rooms.close();
    if (options.replica === undefined) await replica.close();
    await beat.leave().catch((error: unknown) => logger.warn({ err: error }, "the node's lease could not be given up"));
  };
  const listening = await listen(app, config).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    port: listening.port,
    async drain(withinMs) {
      listening.stop();
      // Not waited for: a log that is away must not take the time in which clients can go elsewhere.
      beat.drain().catch((error: unknown) => logger.warn({ err: error }, "draining could not be announced"));
      await connections.drain(withinMs);
    },
    async stop() {
      listening.stop();
      await close();
      app.close();
    },
  };
}

function beginLease(options: EdgeOptions, clock: Clock, rejoin: () => void): Promise<NodeBeat> {
  const { log, config, logger, onReplaced, book = RULE_BOOK } = options;
  return beatNode({
    log,
    topic: TOPICS.nodes,
    node: config.node,
    kind: "NODE_KIND_EDGE",
    rules: Math.min(book.length, config.rulesMax ?? book.length),
    leaseMs: config.leaseMs,
    beatMs: config.beatMs,
    clock,
    onExpired: (incarnation) => {
      logger.warn({ incarnation }, "this node was declared dead and lives again: its members join again");
      rejoin();
    },
    onReplaced,
    onProblem: (error) => logger.warn({ err: error }, "the node's lease could not be kept"),
  });
}

interface Given {
  readonly app: TemplatedApp;
  readonly replica: Replica;
  readonly node: NodeIdentity;
  readonly clock: Clock;
}

/** The parts of the node, and the routes that lead to them. */
function assemble(
  options: EdgeOptions,
  { app, replica, node, clock }: Given,
): { connections: Connections; rooms: Rooms } {
  const { verifier, config: gate, logger } = options;
  const limits = { ...DEFAULT_EDGE_LIMITS, ...options.limits };
  const metrics = edgeMetrics(options.metrics);
  const fanout = new Fanout(app);
  const rooms = new Rooms({ replica, node, limits, fanout, metrics, clock, logger });
  const history = new HistoryReader(replica);
  const turns = new Turns();
  const updates = new Updates(turns);
  const parts = { nodeName: node.name, verifier, rooms, history, turns, updates, limits, metrics, clock, logger };
  const connections = new Connections(parts);
  routeWebSocket(app, { gate, limits, onOpen: (socket, allowed) => connections.open(socket, allowed) });
  routeHttp(app, { gate, limits, verifier, rooms, history, logger });
  return { connections, rooms };
}

interface Listening {
  readonly port: number;
  /** Takes no more connections; those there stay. */
  stop(): void;
}

declare module "uWebSockets.js" {
  interface TemplatedApp {
    /** Its types leave out the form with a host and options. */
    listen(
      host: string,
      port: number,
      options: number,
      taken: (socket: us_listen_socket | false) => void,
    ): TemplatedApp;
  }
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`: without it another process may listen on the same port, and each gets some of the clients. */
const EXCLUSIVE_PORT = 1;

function listen(app: TemplatedApp, { host, port }: EdgeSettings): Promise<Listening> {
  const { promise, resolve, reject } = Promise.withResolvers<Listening>();
  app.listen(host, port, EXCLUSIVE_PORT, (socket) => {
    if (socket === false) {
      return reject(
        new Error(`cannot listen on ${host}:${port}: is the port in use? choose another with PERDURE_EDGE_PORT`),
      );
    }
    let open = true;
    const stop = (): void => {
      if (open) us_listen_socket_close(socket);
      open = false;
    };
    resolve({ port: us_socket_local_port(socket), stop });
  });
  return promise;
}
