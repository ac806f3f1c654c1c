// `./dev kafka start|stop|status [--port N] [--dir DIR]`: a broker on loopback that outlives this command.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startBroker } from "./kafka/broker.ts";
import { brokerAnswers } from "./kafka/probe.ts";

interface Running {
  readonly pid: number;
  readonly bootstrap: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: process.env["KAFKA_PORT"] ?? "9092" },
    dir: { type: "string", default: process.env["KAFKA_DIR"] ?? ".perdure/kafka" },
  },
});
const dir = resolve(values.dir);
const stateFile = join(dir, "broker.json");

function isRunningState(value: unknown): value is Running {
  return typeof value === "object" && value !== null && "pid" in value && "bootstrap" in value;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The broker that an earlier start left running in this folder. */
function running(): Running | undefined {
  try {
    const state: unknown = JSON.parse(readFileSync(stateFile, "utf8"));
    return isRunningState(state) && isAlive(state.pid) ? state : undefined;
  } catch {
    return undefined;
  }
}

async function start(): Promise<void> {
  const before = running();
  if (before !== undefined) {
    console.log(`already running at ${before.bootstrap} (pid ${before.pid})`);
    return;
  }
  const broker = await startBroker({ dir, port: Number(values.port), detached: true });
  mkdirSync(dir, { recursive: true });
  writeFileSync(stateFile, JSON.stringify({ pid: broker.pid, bootstrap: broker.bootstrap }));
  console.log(`running at ${broker.bootstrap} (pid ${broker.pid}), data in ${dir}`);
}

async function stop(): Promise<void> {
  const before = running();
  if (before === undefined) {
    console.log("not running");
    return;
  }
  process.kill(before.pid, "SIGTERM");
  for (let waits = 0; waits < 300 && isAlive(before.pid); waits++) await sleep(100);
  if (isAlive(before.pid)) process.kill(before.pid, "SIGKILL");
  rmSync(stateFile);
  console.log("stopped");
}

async function status(): Promise<void> {
  const before = running();
  const answers = before !== undefined && (await brokerAnswers(before.bootstrap));
  console.log(answers ? `running at ${before.bootstrap} (pid ${before.pid}), data in ${dir}` : "not running");
  if (!answers) process.exitCode = 1;
}

async function useExisting(brokers: string): Promise<void> {
  const answers = await Promise.all(brokers.split(",").map((bootstrap) => brokerAnswers(bootstrap.trim())));
  const works = answers.includes(true);
  console.log(
    works ? `KAFKA_BROKERS is set: ${brokers} answers` : `KAFKA_BROKERS is set, and nothing answers at ${brokers}`,
  );
  if (!works) process.exitCode = 1;
}

const commands: Readonly<Record<string, () => Promise<void>>> = { start, stop, status };
const command = commands[positionals[0] ?? ""];
const existing = process.env["KAFKA_BROKERS"];
try {
  if (command === undefined) throw new Error("say ./dev kafka start, stop or status");
  await (existing === undefined ? command() : useExisting(existing));
} catch (error) {
  console.error(`kafka: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
