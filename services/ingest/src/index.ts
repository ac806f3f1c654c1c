export { type IngestConfig, ingestConfigSchema } from "./config.ts";
export { type Ingest, type IngestOptions, type IngestServerConfig, startIngest } from "./ingest.ts";
export { DEFAULT_INGEST_LIMITS, type IngestLimits } from "./limits.ts";
