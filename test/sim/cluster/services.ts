import { startEdge } from "@perdure/edge";
import { startIngest } from "@perdure/ingest";
import { type KeeperSettings, startKeeper } from "@perdure/keeper";
import { createReplica, type ReplicaLimits } from "@perdure/replica";
import { createMetrics, createVerifier } from "@perdure/service-kit";
import { logger, type NodeParts, type RunningNode } from "./node.ts";

/** Keys cool down quickly, so that a short run sees the end of it. */
const AUTH = { keys: { kind: "jwks", url: "https://issuer.example/keys" }, keysCooldownMs: 4_000 } as const;
const LEASE = { leaseMs: 6_000, beatMs: 2_000 };

/** One registry for all that ever run: nobody looks at it, and each would watch the real process. */
const registry = createMetrics({ service: "sim", node: "sim" });

function newMetrics(): typeof registry {
  registry.clear();
  return registry;
}

export type KeeperTuning = Partial<KeeperSettings>;

/** The keeper, as its main starts it. */
export async function keeperNode(parts: NodeParts, tuning: KeeperTuning): Promise<RunningNode> {
  const { log, process, partitions, book, onReplaced } = parts;
  const config = { ...LEASE, ...tuning, node: process.name, partitions };
  return startKeeper({ log, logger, clock: process.clock, metrics: newMetrics(), config, book, onReplaced });
}

/** The edge, with its routes, on simulated sockets. */
export async function edgeNode(parts: NodeParts, limits: Partial<ReplicaLimits>): Promise<RunningNode> {
  const { log, process, partitions, book, onReplaced } = parts;
  const replica = createReplica({ log, partitions, logger, clock: process.clock, limits, book });
  const config = {
    ...LEASE,
    node: process.name,
    host: process.name,
    port: 1,
    allowedHosts: ["*"],
    allowedOrigins: ["*"],
  };
  const verifier = createVerifier(AUTH);
  const { clock } = process;
  return startEdge({
    log,
    partitions,
    replica,
    verifier,
    logger,
    metrics: newMetrics(),
    clock,
    config,
    book,
    onReplaced,
  });
}

/** The ingest, with its services, on simulated calls. */
export async function ingestNode(parts: NodeParts, limits: Partial<ReplicaLimits>): Promise<RunningNode> {
  const { log, process, partitions, book, onReplaced } = parts;
  const { clock, name } = process;
  const replica = createReplica({ log, partitions, logger, clock, limits, book });
  const config = {
    ...LEASE,
    node: name,
    host: name,
    port: 1,
    partitions,
    tls: undefined,
    advertisedUrl: `http://${name}`,
    auth: AUTH,
  };
  return startIngest({ log, replica, logger, metrics: newMetrics(), clock, config, book, onReplaced });
}
