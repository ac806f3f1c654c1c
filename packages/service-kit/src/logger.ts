import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";

export type { Logger } from "pino";

/** Fields that carry secrets, wherever they stand: at the top, in an object, or in an object of that. */
const SECRET_FIELDS = ["token", "authorization", "cookie", "password", "secret", "sasl", '["set-cookie"]'];
const prefixes = ["", "*.", "*.*."];

function paths(): string[] {
  return SECRET_FIELDS.flatMap((field) =>
    prefixes.map((prefix) => (field.startsWith("[") ? `${prefix.replace(/\.$/, "")}${field}` : `${prefix}${field}`)),
  );
}

/** A structured logger, one JSON line an event, on standard output. Values of fields that carry secrets are struck out. */
export function createLogger(
  options: { readonly service: string; readonly node: string; readonly level: string },
  destination?: DestinationStream,
): Logger {
  const { service, node, level } = options;
  const settings = {
    level,
    base: { service, node },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: paths(), censor: "[secret]" },
  };
  // Written at once: what waits in memory would be tried again for ever at the end where nobody reads any more.
  return pino(settings, destination ?? pino.destination({ dest: 1, sync: true }));
}
