/** A process that is kept running: started again when it dies, and stopped with this one. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../errors.ts";
import { readableOutput } from "./readable-output.ts";

export interface ProcessSpec {
  /** For people, and for the name of its output's file. */
  readonly name: string;
  /** Arguments of node: flags, the script, and what it is told. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where what it prints goes. */
  readonly logPath: string;
  /** Answers 200 once it is ready, however long that takes; absent: the process says so by `process.send`. */
  readonly readyUrl?: string;
  /** Told each line that it prints before it is ready. */
  readonly onLineBeforeReady?: (line: string) => void;
}

export type ProcessPhase = "starting" | "up" | "down" | "stopped";

export interface ProcessStatus {
  readonly name: string;
  readonly phase: ProcessPhase;
  readonly pid: number | undefined;
  /** How often it has been started. */
  readonly starts: number;
}

// A process that dies sooner than this after its start waits before the next one, longer each time.
const SHORT_LIFE_MS = 2_000;
const MIN_WAIT_MS = 200;
const MAX_WAIT_MS = 5_000;
const STOP_MS = 5_000;
const START_MS = 30_000;
const READY_EVERY_MS = 100;
const KEPT_OUTPUT_LINES = 20;
const PARENT_WATCH = new URL("./parent-watch.ts", import.meta.url).href;

// What is set for one of us is not meant for the others, and a service refuses variables that it does not know.
function inherited(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isOthers = (name: string): boolean =>
    name.startsWith("PERDURE_") && !/^PERDURE_(KAFKA_|TOPIC_PREFIX$|PARTITIONS$|LOG_LEVEL$)/.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOthers(name)));
}

/**
 * Runs one process at a time. The process says it is ready by `process.send(message)`; what it says is handed to
 * `onReady` at every start.
 */
export class ManagedProcess {
  readonly #spec: ProcessSpec;
  readonly #onReady: (message: unknown) => void;
  readonly #output: WriteStream;
  #child: ChildProcess | undefined;
  #phase: ProcessPhase = "down";
  #starts = 0;
  #shortLives = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastLines: string[] = [];

  constructor(spec: ProcessSpec, onReady: (message: unknown) => void = () => {}) {
    this.#spec = spec;
    this.#onReady = onReady;
    this.#output = createWriteStream(spec.logPath, { flags: "a", mode: 0o600 });
  }

  get status(): ProcessStatus {
    return { name: this.#spec.name, phase: this.#phase, pid: this.#child?.pid, starts: this.#starts };
  }

  /** Starts it and waits until it is ready. Throws CliError `start_failed` with what it printed last. */
  async start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (why: string): void => {
      const printed = readableOutput(this.#lastLines)
        .map((line) => `    ${line}`)
        .join("\n");
      reject(
        new CliError("start_failed", `${this.#spec.name} ${why}; it printed (${this.#spec.logPath}):\n${printed}`),
      );
    };
    const waitMs = this.#spec.readyUrl === undefined ? START_MS : undefined;
    const timer = waitMs && setTimeout(() => failed(`was not ready within ${START_MS / 1_000} s`), waitMs);
    this.#run({ onReady: resolve, onExit: (how) => failed(how) });
    await promise.finally(() => clearTimeout(timer));
  }

  /** SIGKILL: it gets no chance to say goodbye. It is started again at once. */
  kill(): void {
    this.#shortLives = 0;
    this.#child?.kill("SIGKILL");
  }

  /** Stops it for good: SIGTERM, and SIGKILL where that is not enough. */
  async stop(): Promise<void> {
    this.#phase = "stopped";
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      child.once("exit", () => resolve());
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await promise.finally(() => clearTimeout(timer));
    }
    this.#output.end();
  }

  #run(first?: { onReady: () => void; onExit: (how: string) => void }): void {
    this.#phase = "starting";
    this.#starts += 1;
    const startedMs = performance.now();
    const child = spawn(process.execPath, ["--import", PARENT_WATCH, ...this.#spec.args], {
      cwd: this.#spec.cwd,
      env: { ...inherited(process.env), ...this.#spec.env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => this.#keep(chunk));
    const ready = (message: unknown): void => {
      if (this.#child !== child || this.#phase !== "starting") return;
      this.#phase = "up";
      this.#onReady(message);
      first?.onReady();
    };
    if (this.#spec.readyUrl === undefined) child.once("message", ready);
    else void this.#awaitReady(child, this.#spec.readyUrl, ready);
    child.once("error", (error) => first?.onExit(`could not be started (${error.message})`));
    child.once("exit", (code, signal) => {
      first?.onExit(signal === null ? `ended with code ${code}` : `was ended by ${signal}`);
      if (this.#child === child) this.#ended(performance.now() - startedMs);
    });
  }

  async #awaitReady(child: ChildProcess, url: string, ready: (message: unknown) => void): Promise<void> {
    while (this.#child === child && this.#phase === "starting") {
      const answer = await fetch(url, { signal: AbortSignal.timeout(READY_EVERY_MS * 10) }).catch(() => undefined);
      if (answer?.ok === true) ready(undefined);
      else await sleep(READY_EVERY_MS);
    }
  }

  #ended(livedMs: number): void {
    if (this.#phase === "stopped") return;
    this.#phase = "down";
    this.#shortLives = livedMs < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    const waitMs = this.#shortLives === 0 ? 0 : Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** (this.#shortLives - 1));
    this.#timer = setTimeout(() => this.#run(), waitMs);
  }

  #keep(chunk: Buffer): void {
    this.#output.write(chunk);
    const lines = chunk
      .toString("utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
    this.#lastLines = [...this.#lastLines, ...lines].slice(-KEPT_OUTPUT_LINES);
    if (this.#phase === "starting") for (const line of lines) this.#spec.onLineBeforeReady?.(line);
  }
}
