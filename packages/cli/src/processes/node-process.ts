/** Edge, ingest and keeper in one process on the embedded log: what `perdure up` runs behind its port. */
import { readFileSync } from "node:fs";
import type { Log } from "@perdure/log";
import { type Edge, startEdge } from "@perdure/edge";
import { type Ingest, startIngest } from "@perdure/ingest";
import { type Keeper, startKeeper } from "@perdure/keeper";
import { createReplica, type Replica, topicSpecs } from "@perdure/replica";
import { createLogger, createMetrics, createVerifier, openLog, runService } from "@perdure/service-kit";
import { z } from "zod";

const settings = z
  .object({
    NODE_EDGE_PORT: z.coerce.number().int(),
    NODE_INGEST_PORT: z.coerce.number().int(),
    NODE_LOG_FOLDER: z.string().min(1),
    NODE_SECRET_FILE: z.string().min(1),
    /** Origins of the page, separated by commas. */
    NODE_ORIGINS: z.string().transform((text) => text.split(",")),
  })
  .parse(process.env);

/** Fixed for the life of a log; one process needs few. */
const PARTITIONS = 8;
const LEASE = { leaseMs: 6_000, beatMs: 2_000 };
const STOP_MS = 4_000;
const HOST = "127.0.0.1";

const logger = createLogger({ service: "server", node: "local", level: "info" });
const auth = { keys: { kind: "secret", secret: readFileSync(settings.NODE_SECRET_FILE, "utf8").trim() } } as const;
let opening: Promise<Log> | undefined;
let replica: Replica | undefined;
let edge: Edge | undefined;
let ingest: Ingest | undefined;
let keeper: Keeper | undefined;

async function start(): Promise<void> {
  opening = openLog(
    { kind: "embedded", dir: settings.NODE_LOG_FOLDER, partitions: PARTITIONS },
    { topics: topicSpecs(PARTITIONS), node: "local", logger },
  );
  const log = await opening;
  replica = createReplica({ log, partitions: PARTITIONS, logger });
  const onReplaced = (): void => void process.kill(process.pid, "SIGTERM");
  const shared = { log, replica, partitions: PARTITIONS, logger };
  keeper = await startKeeper({ log, logger, config: { node: "keeper", partitions: PARTITIONS, ...LEASE }, onReplaced });
  ingest = await startIngest({
    ...shared,
    metrics: createMetrics({ service: "ingest", node: "ingest" }),
    config: {
      node: "ingest",
      host: HOST,
      port: settings.NODE_INGEST_PORT,
      tls: undefined,
      advertisedUrl: "",
      auth,
      partitions: PARTITIONS,
      ...LEASE,
    },
    onReplaced,
  });
  edge = await startEdge({
    ...shared,
    verifier: createVerifier(auth),
    metrics: createMetrics({ service: "edge", node: "edge" }),
    config: {
      node: "edge",
      host: HOST,
      port: settings.NODE_EDGE_PORT,
      allowedHosts: [HOST],
      allowedOrigins: settings.NODE_ORIGINS,
      ...LEASE,
    },
    onReplaced,
  });
  process.send?.("ready");
}

await runService(
  {
    name: "server",
    start,
    // There is no other node to go to.
    drain: () => Promise.resolve(),
    async stop() {
      await edge?.stop();
      await ingest?.stop();
      await keeper?.stop();
      await replica?.close();
      // A process that exits while a log is being opened may hang: LMDB's threads are at work then.
      const log = await opening?.catch(() => undefined);
      await log?.close();
    },
  },
  { logger, deadlineMs: STOP_MS },
);
