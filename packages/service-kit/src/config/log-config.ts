import { z } from "zod";
import { bool, integer, list, problem, type Problems, readText, secretFrom } from "./variables.ts";

const mechanisms = { plain: "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512" } as const;

/** Where the log is. */
export const logVariables = {
  PERDURE_LOG: z.enum(["embedded", "kafka"], "must be embedded or kafka").default("embedded"),
  /** Partitions of the topics, fixed for life; default 64 on Kafka, 8 embedded. */
  PERDURE_PARTITIONS: integer(1, 10_000).optional(),
  /** With `embedded`: the folder of its files. */
  PERDURE_LOG_DIR: z.string().default(".perdure/log"),
  /** With `kafka`: what stands before every topic, group and transaction name. */
  PERDURE_TOPIC_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{0,100}$/, "must be at most 100 of A-Z a-z 0-9 _ . -")
    .default("perdure."),
  PERDURE_KAFKA_BROKERS: list(/^(\[[0-9A-Fa-f:.]+\]|[^\s:,]+):\d{1,5}$/, "host:port").optional(),
  PERDURE_KAFKA_REPLICATION: integer(1, 100).default(3),
  PERDURE_KAFKA_MIN_INSYNC: integer(1, 100).default(2),
  PERDURE_KAFKA_TLS: bool().optional(),
  PERDURE_KAFKA_TLS_CA_FILE: z.string().optional(),
  PERDURE_KAFKA_TLS_CERT_FILE: z.string().optional(),
  PERDURE_KAFKA_TLS_KEY_FILE: z.string().optional(),
  PERDURE_KAFKA_SASL: z
    .enum(["plain", "scram-sha-256", "scram-sha-512"], "must be plain, scram-sha-256 or scram-sha-512")
    .optional(),
  PERDURE_KAFKA_USERNAME: z.string().optional(),
  PERDURE_KAFKA_PASSWORD: z.string().optional(),
  PERDURE_KAFKA_PASSWORD_FILE: z.string().optional(),
};

export interface EmbeddedLogConfig {
  readonly kind: "embedded";
  readonly dir: string;
  readonly partitions: number;
}

export interface KafkaLogConfig {
  readonly kind: "kafka";
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly replication: { readonly factor: number; readonly minInSync: number };
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
}

/** PEM texts. `{}`: TLS with the system's authorities. */
export interface KafkaTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaSasl {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly username: string;
  readonly password: string;
}

export type LogConfig = EmbeddedLogConfig | KafkaLogConfig;

type Values = z.output<z.ZodObject<typeof logVariables>>;

const KAFKA_PARTITIONS = 64;
/** One process, whose partitions share a disk and two hands: fewer are cheaper to open. */
const EMBEDDED_PARTITIONS = 8;

export function logConfig(values: Values, problems: Problems): LogConfig {
  const partitions = values.PERDURE_PARTITIONS;
  if (values.PERDURE_LOG === "embedded") {
    return { kind: "embedded", dir: values.PERDURE_LOG_DIR, partitions: partitions ?? EMBEDDED_PARTITIONS };
  }
  const replication = { factor: values.PERDURE_KAFKA_REPLICATION, minInSync: values.PERDURE_KAFKA_MIN_INSYNC };
  if (replication.minInSync > replication.factor) {
    problem(problems, "PERDURE_KAFKA_MIN_INSYNC", "must not be more than PERDURE_KAFKA_REPLICATION");
  }
  if (values.PERDURE_KAFKA_BROKERS === undefined) {
    problem(problems, "PERDURE_KAFKA_BROKERS", "is needed where PERDURE_LOG is kafka: a list of host:port");
  }
  const tls = tlsConfig(values, problems);
  const sasl = saslConfig(values, problems);
  return {
    kind: "kafka",
    brokers: values.PERDURE_KAFKA_BROKERS ?? [],
    topicPrefix: values.PERDURE_TOPIC_PREFIX,
    partitions: partitions ?? KAFKA_PARTITIONS,
    replication,
    ...(tls && { tls }),
    ...(sasl && { sasl }),
  };
}

function tlsConfig(values: Values, problems: Problems): KafkaTls | undefined {
  const files = {
    ca: ["PERDURE_KAFKA_TLS_CA_FILE", values.PERDURE_KAFKA_TLS_CA_FILE],
    cert: ["PERDURE_KAFKA_TLS_CERT_FILE", values.PERDURE_KAFKA_TLS_CERT_FILE],
    key: ["PERDURE_KAFKA_TLS_KEY_FILE", values.PERDURE_KAFKA_TLS_KEY_FILE],
  } as const;
  const named = Object.entries(files).flatMap(([part, [variable, file]]) =>
    file === undefined ? [] : [{ part, variable, file }],
  );
  if (values.PERDURE_KAFKA_TLS === false && named[0] !== undefined) {
    problem(problems, named[0].variable, "is set, but PERDURE_KAFKA_TLS is false");
  }
  if (values.PERDURE_KAFKA_TLS !== true && named.length === 0) return undefined;
  return Object.fromEntries(named.map(({ part, variable, file }) => [part, readText(problems, variable, file) ?? ""]));
}

function saslConfig(values: Values, problems: Problems): KafkaSasl | undefined {
  const { PERDURE_KAFKA_USERNAME: username, PERDURE_KAFKA_SASL: mechanism } = values;
  const { PERDURE_KAFKA_PASSWORD, PERDURE_KAFKA_PASSWORD_FILE } = values;
  const password = secretFrom(problems, "PERDURE_KAFKA_PASSWORD", PERDURE_KAFKA_PASSWORD, PERDURE_KAFKA_PASSWORD_FILE);
  if (mechanism === undefined) {
    if (username !== undefined) problem(problems, "PERDURE_KAFKA_SASL", "is needed where a username is set");
    return undefined;
  }
  if (username === undefined) problem(problems, "PERDURE_KAFKA_USERNAME", "is needed where PERDURE_KAFKA_SASL is set");
  if (password === undefined) problem(problems, "PERDURE_KAFKA_PASSWORD", "is needed where PERDURE_KAFKA_SASL is set");
  return { mechanism: mechanisms[mechanism], username: username ?? "", password: password ?? "" };
}
