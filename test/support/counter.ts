// The counting agent as a process of its own, and what it noted.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { countedWords } from "./counted-words.ts";
import { Program } from "./program.ts";
import type { Servers } from "./servers.ts";

/** Something that the agent began. */
export interface Note {
  readonly run: string;
  readonly attempt: number;
  readonly what: string;
}

const SCRIPT = fileURLToPath(new URL("counting-agent.ts", import.meta.url));

export class Counter {
  readonly #folder = mkdtempSync(join(tmpdir(), "perdure-counter-"));
  readonly #env: Readonly<Record<string, string>>;
  #program: Program;

  static async start(servers: Servers, wordsPerSecond: number): Promise<Counter> {
    const token = await servers.token({ participant: "counter", role: "agent", mayCreate: false });
    const counter = new Counter({
      COUNTING_URL: servers.agentUrl,
      COUNTING_TOKEN: token,
      COUNTING_PER_SECOND: String(wordsPerSecond),
    });
    await counter.#program.printed(/counting agent serves/);
    return counter;
  }

  private constructor(env: Readonly<Record<string, string>>) {
    this.#env = { ...env, COUNTING_DIARY: this.#diary };
    this.#program = this.#run();
  }

  /** SIGKILL, and another one in its place at once. */
  async killAndRestart(): Promise<void> {
    await this.#program.kill();
    this.#program = this.#run();
    await this.#program.printed(/counting agent serves/);
  }

  freeze(): void {
    this.#program.freeze();
  }

  thaw(): void {
    this.#program.thaw();
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What it began, in order. */
  notes(run: string): Note[] {
    const lines = readFileSync(this.#diary, "utf8").split("\n");
    return lines
      .filter((line) => line !== "")
      .map(noteFrom)
      .filter((note) => note.run === run);
  }

  get report(): string {
    return `--- counting agent\n${this.#program.tail}`;
  }

  get #diary(): string {
    return join(this.#folder, "diary.jsonl");
  }

  #run(): Program {
    return new Program({ name: "counting agent", args: [SCRIPT], env: this.#env });
  }
}

/** What it answers where it is asked for so many words. */
export const countedAnswer = (first: number, second: number): string =>
  [...countedWords("first", first), ...countedWords("second", second)].join("");

function noteFrom(line: string): Note {
  const value: unknown = JSON.parse(line);
  if (!isNote(value)) throw new Error(`no note: ${line}`);
  return value;
}

const isNote = (value: unknown): value is Note =>
  typeof value === "object" && value !== null && "run" in value && "attempt" in value && "what" in value;
