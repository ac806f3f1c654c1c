// `perdure up` as people start it: its own folder and port, a folder of files to ask about, and what its agent produced.
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../tools/kafka/broker.ts";
import { type Produced, producedIn } from "./produced.ts";
import { Program, ROOT } from "./program.ts";
import type { LogKind } from "./servers.ts";

export interface UpOptions {
  readonly log: LogKind;
  readonly tokensPerSecond?: number;
  /** For Kafka: `host:port` of its brokers. */
  readonly brokers?: string;
}

const PARTITIONS = 4;
const SHOWN_CHARACTERS = 3_000;

export class Up {
  readonly program: Program;
  readonly brokers: string;
  /** Stands before the names of the topics. */
  readonly topicPrefix = `test-${randomUUID().slice(0, 8)}.`;
  readonly #folder = mkdtempSync(join(tmpdir(), "perdure-up-"));

  /** Starts it; it need not be ready when this resolves. */
  static async start(options: UpOptions): Promise<Up> {
    const [port = 0] = await freePorts(1);
    return new Up(options, port);
  }

  private constructor(
    { log, tokensPerSecond = 30, brokers = process.env["KAFKA_BROKERS"] ?? "" }: UpOptions,
    port: number,
  ) {
    this.brokers = brokers;
    const files = join(this.#folder, "files");
    writeFiles(files);
    const state = join(this.#folder, "state");
    this.program = new Program({
      name: "perdure up",
      args: [
        join(ROOT, "packages/cli/src/main.ts"),
        "up",
        ...["--port", String(port), "--folder", files, "--state", state, "--log", log],
      ],
      env: {
        ANALYST_TOKENS_PER_SECOND: String(tokensPerSecond),
        KAFKA_BROKERS: brokers,
        PERDURE_TOPIC_PREFIX: this.topicPrefix,
        PERDURE_PARTITIONS: String(PARTITIONS),
      },
    });
  }

  /** The link that it prints when it is ready. */
  async link(): Promise<string> {
    const [, link = ""] = await this.program.printed(/Open {2}(http:\S+)/);
    return link;
  }

  /** What the agent wrote down of what it produced in a session, run by run. */
  produced(session: string): Produced[] {
    return producedIn(readFileSync(join(this.#folder, "state/truth.jsonl"), "utf8"), session);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What it and its processes said last, for whoever has to find out what went wrong. */
  get report(): string {
    const logs = join(this.#folder, "state/logs");
    const texts = readdirSync(logs).map(
      (name) => `--- ${name}\n${readFileSync(join(logs, name), "utf8").slice(-SHOWN_CHARACTERS)}`,
    );
    return [`--- perdure up\n${this.program.tail}`, ...texts].join("\n");
  }
}

const TOPICS = ["anchor", "beacon", "compass", "drift", "estuary", "fathom", "gangway", "harbour"];

/** Files about which there is much to say: an overview of them is a long answer. */
function writeFiles(folder: string): void {
  for (const topic of TOPICS) {
    mkdirSync(join(folder, topic), { recursive: true });
    for (const part of ["outline", "practice", "questions"]) {
      const text = `# The ${part} of the ${topic}\n\nEvery ${topic} has its ${part}, and whoever sails should know it well.\n\n`;
      writeFileSync(
        join(folder, topic, `${part}.md`),
        `${text}## Details\n\nThe ${topic} is checked before the ${part} is written down.\n`,
      );
    }
  }
}
