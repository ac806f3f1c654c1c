// The example agent as a process, on a small folder, and what it wrote down of what it produced.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Produced, ProducedRuns, type TruthLine } from "../../examples/workbench/src/truth/produced.ts";
import { Program, ROOT } from "./program.ts";
import type { Servers } from "./servers.ts";

export class Analyst {
  readonly #folder = mkdtempSync(join(tmpdir(), "perdure-analyst-"));
  readonly #env: Readonly<Record<string, string>>;
  #program: Program;

  static async start(
    servers: Servers,
    files: Readonly<Record<string, string>>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Analyst> {
    const token = await servers.token({ participant: "analyst", role: "agent", mayCreate: false });
    const analyst = new Analyst(files, token, { PERDURE_URL: servers.agentUrl, ...env });
    await analyst.#program.printed(/analyst serves/);
    return analyst;
  }

  private constructor(files: Readonly<Record<string, string>>, token: string, env: Readonly<Record<string, string>>) {
    for (const [path, content] of Object.entries({ ...files })) {
      mkdirSync(dirname(join(this.#folder, "files", path)), { recursive: true });
      writeFileSync(join(this.#folder, "files", path), content);
    }
    const tokenFile = join(this.#folder, "token");
    writeFileSync(tokenFile, token);
    this.#env = { ...env, PERDURE_TOKEN_FILE: tokenFile, ANALYST_TRUTH_FILE: join(this.#folder, "truth.jsonl") };
    this.#program = this.#run();
  }

  /** SIGKILL, and another one in its place at once. */
  async killAndRestart(): Promise<void> {
    await this.#program.kill();
    this.#program = this.#run();
    await this.#program.printed(/analyst serves/);
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What it says it produced for a run. */
  produced(run: string): Produced | undefined {
    const runs = new ProducedRuns();
    const lines = readFileSync(join(this.#folder, "truth.jsonl"), "utf8").split("\n");
    runs.add(lines.filter((line) => line !== "").map(lineFrom));
    return runs.get().find((one) => one.run === run);
  }

  get report(): string {
    return `--- analyst\n${this.#program.tail}`;
  }

  #run(): Program {
    const args = [join(ROOT, "examples/analyst/src/main.ts"), "--folder", join(this.#folder, "files")];
    return new Program({ name: "analyst", args, env: this.#env });
  }
}

function lineFrom(text: string): TruthLine {
  const value: unknown = JSON.parse(text);
  const isLine = (one: unknown): one is TruthLine =>
    typeof one === "object" && one !== null && "is" in one && "run" in one;
  if (!isLine(value)) throw new Error(`no line of the truth: ${text}`);
  return value;
}
