// What a server is started with, and how to tell that it serves.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { NODE_FLAGS } from "@perdure/service-kit";
import { type Program, ROOT } from "./program.ts";

export type ServerName = "edge" | "ingest" | "keeper";

export interface ServerSpec {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether it serves. */
  readonly ready: (program: Program) => Promise<boolean>;
}

export interface KafkaPlace {
  /** `host:port`, separated by commas. */
  readonly brokers: string;
  readonly topicPrefix: string;
  readonly replication: number;
  readonly minInSync: number;
  readonly partitions: number;
}

export interface KafkaServer {
  readonly service: ServerName;
  readonly node: string;
  readonly statusPort: number;
  readonly log: KafkaPlace;
  /** What only this service takes. */
  readonly env: Readonly<Record<string, string>>;
}

/** One service as a process of its own, on Kafka. */
export function kafkaServer({ service, node, statusPort, log, env }: KafkaServer): ServerSpec {
  return {
    args: [...NODE_FLAGS, join(ROOT, "services", service, "src/main.ts")],
    env: {
      PERDURE_NODE: node,
      PERDURE_LOG: "kafka",
      PERDURE_KAFKA_BROKERS: log.brokers,
      PERDURE_KAFKA_REPLICATION: String(log.replication),
      PERDURE_KAFKA_MIN_INSYNC: String(log.minInSync),
      PERDURE_TOPIC_PREFIX: log.topicPrefix,
      PERDURE_PARTITIONS: String(log.partitions),
      PERDURE_STATUS_PORT: String(statusPort),
      PERDURE_DRAIN_MS: "2000",
      ...env,
    },
    ready: async () => {
      const answer = await fetch(`http://127.0.0.1:${statusPort}/readyz`).catch(() => undefined);
      return answer?.ok === true;
    },
  };
}

export interface EmbeddedServer {
  readonly edgePort: number;
  readonly ingestPort: number;
  /** Where its log lies, in `log`, and its secret. */
  readonly folder: string;
  readonly secret: string;
}

/** Edge, ingest and keeper in one process on the embedded log. */
export function embeddedServer({ edgePort, ingestPort, folder, secret }: EmbeddedServer): ServerSpec {
  const secretFile = join(folder, "secret");
  writeFileSync(secretFile, secret, { mode: 0o600 });
  return {
    args: [join(ROOT, "packages/cli/src/processes/node-process.ts")],
    env: {
      NODE_EDGE_PORT: String(edgePort),
      NODE_INGEST_PORT: String(ingestPort),
      NODE_LOG_FOLDER: join(folder, "log"),
      NODE_SECRET_FILE: secretFile,
      NODE_ORIGINS: "http://localhost",
    },
    ready: (program) => Promise.resolve(program.output.includes("server serves")),
  };
}
