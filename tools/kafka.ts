// `./dev kafka start|stop|status [--nodes N] [--port N] [--dir DIR]`: brokers on loopback that outlive this command.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBroker } from "./kafka/broker.ts";
import { startBrokers } from "./kafka/brokers.ts";
import { brokerAnswers } from "./kafka/probe.ts";
import { numberOption, readOptions } from "./options.ts";

interface Running {
  readonly pid: number;
  readonly bootstrap: string;
}

const { values, positionals } = readOptions("./dev kafka start|stop|status [--nodes N] [--port N] [--dir DIR]", {
  allowPositionals: true,
  options: {
    nodes: { type: "string", default: "1" },
    port: { type: "string", default: process.env["KAFKA_PORT"] ?? "9092" },
    dir: { type: "string", default: process.env["KAFKA_DIR"] ?? ".perdure/kafka" },
  },
});
const dir = resolve(values.dir);
const stateFile = join(dir, "brokers.json");
const handOverLimitMs = 30_000;
const aloneLimitMs = 2_000;

const isRunningState = (value: unknown): value is Running =>
  typeof value === "object" && value !== null && "pid" in value && "bootstrap" in value;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The brokers that an earlier start made in this folder, also those that have ended since; none where all have. */
function made(): readonly Running[] {
  try {
    const state: unknown = JSON.parse(readFileSync(stateFile, "utf8"));
    const brokers = Array.isArray(state) ? state.filter(isRunningState) : [];
    return brokers.some(({ pid }) => isAlive(pid)) ? brokers : [];
  } catch {
    return [];
  }
}

const describe = (brokers: readonly Running[]): string =>
  `${brokers.map(({ bootstrap }) => bootstrap).join(",")} (pid ${brokers.map(({ pid }) => pid).join(", ")})`;

async function silentOnes(brokers: readonly Running[]): Promise<readonly Running[]> {
  const answers = await Promise.all(brokers.map(({ bootstrap }) => brokerAnswers(bootstrap)));
  return brokers.filter((_, index) => answers[index] === false);
}

async function start(): Promise<void> {
  const before = made();
  if (before.length > 0) {
    const silent = await silentOnes(before);
    if (silent.length > 0) throw new Error(`no answer from ${describe(silent)}: ./dev kafka stop, then start again`);
    console.log(`already running at ${describe(before)}`);
    return;
  }
  const brokers = await started(
    numberOption("nodes", values.nodes, { high: 9 }),
    numberOption("port", values.port, { high: 65_535 }),
  );
  mkdirSync(dir, { recursive: true });
  writeFileSync(stateFile, JSON.stringify(brokers.map(({ pid, bootstrap }) => ({ pid, bootstrap }))));
  console.log(`running at ${describe(brokers)}, data in ${dir}`);
}

/** A cluster has folders of its own: whose data says that it is one of three is not one of five. */
async function started(count: number, port: number): Promise<readonly Running[]> {
  if (count === 1) return [await startBroker({ dir, port, detached: true })];
  const ports = Array.from({ length: count }, (_, index) => port + index);
  return (await startBrokers({ dir: join(dir, `of-${count}`), count, ports, detached: true })).nodes;
}

async function stop(): Promise<void> {
  const all = made();
  const before = all.filter(({ pid }) => isAlive(pid));
  for (const { pid } of before) process.kill(pid, "SIGTERM");
  const majority = Math.floor(all.length / 2) + 1;
  await ended(before, majority - 1, handOverLimitMs);
  // Fewer than a majority have nobody to hand over to, and would wait for that. What they hold is on disk.
  await ended(before, 0, aloneLimitMs);
  for (const { pid } of before) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  await ended(before, 0, handOverLimitMs);
  rmSync(stateFile, { force: true });
  console.log(before.length === 0 ? "not running" : "stopped");
}

/** Waits until no more than so many of them live, or for so long. */
async function ended(brokers: readonly Running[], leftCount: number, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs;
  while (brokers.filter(({ pid }) => isAlive(pid)).length > leftCount && performance.now() < limit) await sleep(100);
}

async function status(): Promise<void> {
  const before = made();
  const silent = await silentOnes(before);
  if (before.length > 0 && silent.length === 0) {
    console.log(`running at ${describe(before)}, data in ${dir}`);
    return;
  }
  console.log(before.length === 0 ? "not running" : `no answer from ${describe(silent)}`);
  process.exitCode = 1;
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
