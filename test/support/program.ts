// A process that a test starts, listens to, kills and stops.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { DEADLINE_MS, until } from "./until.ts";

export interface ProgramOptions {
  readonly name: string;
  /** What is run; default: this Node. */
  readonly command?: string;
  /** The script first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export const ROOT = new URL("../../", import.meta.url).pathname;
const STOP_MS = 15_000;
const SHOWN_LINES = 40;
// Ends the process when this one is gone, however it went.
const PARENT_WATCH = new URL("packages/cli/src/processes/parent-watch.ts", `file://${ROOT}`).href;

export class Program {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = "";

  constructor({ name, command, args, env }: ProgramOptions) {
    this.name = name;
    const [program, ...before] = command === undefined ? [process.execPath, "--import", PARENT_WATCH] : [command];
    this.#child = spawn(program, [...before, ...args], {
      cwd: ROOT,
      // What is set here for others (PERDURE_…) is not meant for it.
      env: { ...withoutOurs(process.env), ...env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.pid = this.#child.pid ?? 0;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString("utf8")));
    }
    const { promise, resolve, reject } = Promise.withResolvers<Exit>();
    this.#child.once("error", reject).once("close", (code, signal) => resolve({ code, signal }));
    this.exited = promise;
  }

  /** Says something to it, where it listens (`process.on("message")`). */
  tell(message: object): void {
    if (this.running) this.#child.send(message);
  }

  /** Calls with what it says (`process.send`). The returned function ends that. */
  onMessage(listener: (message: unknown) => void): () => void {
    this.#child.on("message", listener);
    return () => this.#child.off("message", listener);
  }

  /** All that it has printed. */
  get output(): string {
    return stripVTControlCharacters(this.#output);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when it has printed something that matches. Throws when it ends without, or at the deadline. */
  async printed(pattern: RegExp, withinMs = DEADLINE_MS): Promise<RegExpExecArray> {
    return until(
      () => `${this.name} printing ${String(pattern)}; it printed:\n${this.tail}`,
      () => {
        const match = pattern.exec(this.output);
        if (match !== null) return match;
        if (!this.running) throw new Error(`${this.name} ended, and printed:\n${this.tail}`);
        return undefined;
      },
      withinMs,
    );
  }

  /** The end of what it printed. */
  get tail(): string {
    return this.output.trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");
  }

  /** SIGSTOP: it does nothing, and its connections stay open. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** SIGTERM, and SIGKILL where that is not enough. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.thaw();
    this.#child.kill("SIGTERM");
    const late = new AbortController();
    const killed = delay(STOP_MS, undefined, { signal: late.signal }).then(
      () => this.#child.kill("SIGKILL"),
      () => undefined,
    );
    await this.exited;
    late.abort();
    await killed;
  }
}

const withoutOurs = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(PERDURE_|OPENAI_|ANTHROPIC_|ANALYST_)/.test(name)));
