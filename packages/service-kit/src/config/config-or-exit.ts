import { EXIT_CODES } from "../run-service.ts";
import { ConfigError, type ConfigSchema, loadConfig } from "./load-config.ts";

/** The configuration of this process, which ends, saying what is wrong with it, where it cannot be read. */
export function configOrExit<Config>(schema: ConfigSchema<Config>): Config {
  try {
    return loadConfig(schema, process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CODES.wrongConfig);
  }
}
