/** What `perdure up` was asked for. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CliError } from "./errors.ts";

export interface UpOptions {
  /** The one public port; undefined: 4000, or the next one that is free. */
  readonly port: number | undefined;
  /** Listen on the network, not only on loopback. */
  readonly lan: boolean;
  readonly log: "embedded" | "kafka";
  /** What the analyst answers questions about. */
  readonly folder: string;
  /** Where everything durable is kept. */
  readonly stateFolder: string;
}

export const UP_USAGE = `perdure up [--port N] [--folder DIR] [--log embedded|kafka] [--lan] [--state DIR]
  --port N      the one public port (4000, or the next one that is free)
  --folder DIR  what the example agent answers questions about (this repository)
  --log kafka   services as processes of their own on a Kafka broker: KAFKA_BROKERS, or one that ./dev kafka starts
  --lan         listen on the network too, for a phone beside you
  --state DIR   where sessions are kept (.perdure)`;

/** Reads the arguments after `up`. Paths are relative to `cwd`. Throws CliError `invalid_option`, `folder_not_found`. */
export function parseUpOptions(args: readonly string[], cwd: string, root: string): UpOptions {
  const values = parse(args);
  const log = values.log ?? "embedded";
  if (log !== "embedded" && log !== "kafka") throw invalid(`--log is 'embedded' or 'kafka', not '${log}'`);
  const folder = values.folder === undefined ? root : resolve(cwd, values.folder);
  checkFolder(folder);
  return {
    port: values.port === undefined ? undefined : portNumber(values.port),
    lan: values.lan ?? false,
    log,
    folder,
    stateFolder: values.state === undefined ? resolve(root, ".perdure") : resolve(cwd, values.state),
  };
}

function parse(args: readonly string[]): {
  port?: string | undefined;
  lan?: boolean | undefined;
  log?: string | undefined;
  folder?: string | undefined;
  state?: string | undefined;
} {
  const text = { type: "string" } as const;
  const options = { port: text, folder: text, log: text, state: text, lan: { type: "boolean" } } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw invalid(`--port is a number from 1 to 65535, not '${text}'`);
  return port;
}

function checkFolder(folder: string): void {
  const info = statSync(folder, { throwIfNoEntry: false });
  if (info?.isDirectory() === true) return;
  const what = info === undefined ? "does not exist" : "is not a folder";
  throw new CliError("folder_not_found", `the folder '${folder}' ${what}: give an existing one with --folder DIR`);
}

const invalid = (what: string): CliError => new CliError("invalid_option", `${what}\n\n${UP_USAGE}`);
