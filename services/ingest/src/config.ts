import {
  type AuthConfig,
  authConfig,
  authVariables,
  type ConfigSchema,
  type LogConfig,
  logConfig,
  logVariables,
  type NodeConfig,
  nodeConfig,
  nodeVariables,
  port,
  problem,
  readText,
} from "@perdure/service-kit";
import { z } from "zod";

export interface IngestConfig extends NodeConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Where heartbeats reach this very node; empty: where the streams go. */
  readonly advertisedUrl: string;
  readonly auth: AuthConfig;
  readonly log: LogConfig;
}

const DEFAULT_PORT = 7700;
const DEFAULT_STATUS_PORT = 9_403;

/** The variables of an ingest node, and what it makes of them. */
export const ingestConfigSchema: ConfigSchema<IngestConfig> = z
  .object({
    ...nodeVariables,
    ...logVariables,
    ...authVariables,
    PERDURE_INGEST_HOST: z.string().default("127.0.0.1"),
    PERDURE_INGEST_PORT: port().default(DEFAULT_PORT),
    PERDURE_INGEST_TLS_CERT_FILE: z.string().optional(),
    PERDURE_INGEST_TLS_KEY_FILE: z.string().optional(),
    /** Behind a load balancer: an address of this node alone. */
    PERDURE_INGEST_ADVERTISED_URL: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).default(""),
  })
  .transform((values, problems): IngestConfig => {
    const { PERDURE_INGEST_TLS_CERT_FILE: certFile, PERDURE_INGEST_TLS_KEY_FILE: keyFile } = values;
    if ((certFile === undefined) !== (keyFile === undefined)) {
      problem(problems, "PERDURE_INGEST_TLS_CERT_FILE", "and PERDURE_INGEST_TLS_KEY_FILE are needed together");
    }
    const cert = certFile && readText(problems, "PERDURE_INGEST_TLS_CERT_FILE", certFile);
    const key = keyFile && readText(problems, "PERDURE_INGEST_TLS_KEY_FILE", keyFile);
    return {
      ...nodeConfig(values, { kind: "ingest", statusPort: DEFAULT_STATUS_PORT }),
      host: values.PERDURE_INGEST_HOST,
      port: values.PERDURE_INGEST_PORT,
      tls: cert && key ? { cert, key } : undefined,
      advertisedUrl: values.PERDURE_INGEST_ADVERTISED_URL,
      auth: authConfig(values, problems),
      log: logConfig(values, problems),
    };
  });
