// Keeper and ingest on one embedded log in a process of their own, to be killed. Prints the port once it serves.
import { startIngest } from "@perdure/ingest";
import { startKeeper } from "@perdure/keeper";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { topicSpecs } from "@perdure/replica";
import { createLogger, createMetrics } from "@perdure/service-kit";

const { SERVER_DIR = "", SERVER_PORT = "0", SERVER_SECRET = "" } = process.env;
const PARTITIONS = 2;

const logger = createLogger({ service: "server", node: "server", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });
const log = await openEmbeddedLog({ dir: SERVER_DIR });
await log.provision(topicSpecs(PARTITIONS));
await startKeeper({ log, config: { node: "keeper-1", partitions: PARTITIONS, checkpointMs: 100 }, logger });
const { port } = await startIngest({
  log,
  logger,
  metrics: createMetrics({ service: "ingest", node: "ingest-1" }),
  config: {
    node: "ingest-1",
    host: "127.0.0.1",
    port: Number(SERVER_PORT),
    partitions: PARTITIONS,
    tls: undefined,
    advertisedUrl: "",
    auth: { keys: { kind: "secret", secret: SERVER_SECRET } },
    leaseMs: 6_000,
    beatMs: 2_000,
  },
});
process.stdout.write(`${port}\n`);
