import { topicSpecs } from "@perdure/replica";
import {
  createLogger,
  createMetrics,
  loadConfig,
  openLog,
  runService,
  startStatusServer,
} from "@perdure/service-kit";
import { ingestVariables } from "./config.ts";
import { startIngest } from "./ingest.ts";

const config = loadConfig(ingestVariables, process.env);
const logger = createLogger({ service: "ingest", node: config.node, level: config.logLevel });
const metrics = createMetrics({ service: "ingest", node: config.node });
