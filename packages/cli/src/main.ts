#!/usr/bin/env node
/** The command line: `perdure up`. */
import { resolve } from "node:path";
import { CliError } from "./errors.ts";
import { parseUpOptions, UP_USAGE } from "./options.ts";
import { startSupervisor } from "./supervisor.ts";
import type { Supervisor } from "./supervisor.ts";
import { qrForTerminal } from "./web/links.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

const [command, ...args] = process.argv.slice(2);
if (command !== "up" || args.includes("--help")) {
  console.log(UP_USAGE);
  process.exit(command === "up" || command === undefined || command === "--help" ? 0 : 2);
}

try {
  await up();
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  console.error(`perdure: ${error.message} [${error.code}]`);
  process.exit(error.code === "invalid_option" ? 2 : 1);
}

async function up(): Promise<void> {
  const startedMs = performance.now();
  const say = (what: string): void => console.log(`  ${what}`);
  // ./dev changes to the repository's folder; paths mean where the command was typed.
  const options = parseUpOptions(args, process.env["DEV_CWD"] ?? process.cwd(), ROOT);
  // A signal while it starts ends it as well; what it has started ends with it.
  const early = (): void => process.exit(130);
  process.once("SIGINT", early).once("SIGTERM", early);
  const supervisor = await startSupervisor(options, ROOT, say);
  process.off("SIGINT", early).off("SIGTERM", early);
  stopOnSignal(supervisor);
  say(`ready in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  await greet(supervisor, options.lan);
}

async function greet(supervisor: Supervisor, lan: boolean): Promise<void> {
  const { agentUrl, tokenFile, address } = supervisor;
  const link = supervisor.link();
  if (lan) {
    console.log(`\n  WARNING: --lan lets everybody in your network reach this port, without encryption.`);
    if (address === undefined)
      console.log("  This machine has no address in a network: the link works on this machine only.");
    console.log(`\n${await qrForTerminal(link)}`);
  }
  console.log(`\n  Open  ${link}`);
  console.log(`        (works once${lan ? ", within 60 s" : ""}; Enter prints a new one, Ctrl-C stops)\n`);
  console.log(`  Your own agent: PERDURE_URL=${agentUrl} PERDURE_TOKEN_FILE=${tokenFile}`);
  console.log("  for example     ./dev node examples/hello/agent.ts   then ask the agent “hello” on the page\n");
  if (!process.stdin.isTTY) return;
  process.stdin.on("data", () => console.log(`  Open  ${supervisor.link()}`));
}

function stopOnSignal(supervisor: Supervisor): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(130);
    stopping = true;
    console.log("\n  stopping");
    supervisor.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
}
