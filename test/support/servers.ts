// Edge, ingest and keeper as processes: one on the embedded log, or one each on Kafka. Killed and started again at will.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintToken, type TokenClaims } from "@perdure/service-kit";
import { freePorts } from "../../tools/kafka/broker.ts";
import { Program } from "./program.ts";
import { embeddedServer, kafkaServer, type ServerName, type ServerSpec } from "./server-specs.ts";
import { until } from "./until.ts";

export type LogKind = "embedded" | "kafka";
export type { ServerName };

export const TENANT = "acme";
/** Few, so that a reader of all of them has little to read. */
const PARTITIONS = 4;
const SECRET = "a secret of these tests that is long enough for HS256";

export interface ServersOptions {
  readonly log: LogKind;
  /** For Kafka: `host:port` of its brokers. */
  readonly brokers?: string;
  /** For Kafka: what else each of them is started with. */
  readonly env?: Readonly<Record<string, string>>;
  /** False: does not wait until they serve. */
  readonly waits?: boolean;
}

export class Servers {
  readonly log: LogKind;
  /** Stands before the names of the topics. */
  readonly topicPrefix = `test-${randomUUID().slice(0, 8)}.`;
  readonly #folder = mkdtempSync(join(tmpdir(), "perdure-system-"));
  readonly brokers: string;
  readonly #ports: Readonly<Record<ServerName | "status", readonly number[]>>;
  readonly #specs: ReadonlyMap<string, ServerSpec>;
  readonly #programs = new Map<string, Program>();

  static async start({
    log,
    brokers = process.env["KAFKA_BROKERS"] ?? "",
    env = {},
    waits = true,
  }: ServersOptions): Promise<Servers> {
    const servers = new Servers({ log, brokers, env }, await freePorts(5));
    try {
      for (const name of servers.#specs.keys()) servers.#run(name);
      if (waits) await servers.ready();
    } catch (error) {
      await servers.stop();
      throw error;
    }
    return servers;
  }

  private constructor(
    { log, brokers, env }: Required<Omit<ServersOptions, "waits">>,
    [edge = 0, ingest = 0, ...status]: readonly number[],
  ) {
    this.log = log;
    this.brokers = brokers;
    this.#ports = { edge: [edge], ingest: [ingest], keeper: [], status };
    this.#specs = new Map(log === "embedded" ? [["node", this.#embedded()]] : this.#onKafka(env));
  }

  get edgeUrl(): string {
    return `ws://127.0.0.1:${this.#ports.edge[0]}/v1/connect`;
  }

  get agentUrl(): string {
    return `http://127.0.0.1:${this.#ports.ingest[0]}`;
  }

  /** Of a server: where it says how it is. */
  statusUrl(name: ServerName): string {
    return `http://127.0.0.1:${this.#ports.status[["edge", "ingest", "keeper"].indexOf(name)]}`;
  }

  program(name: ServerName): Program {
    const program = this.#programs.get(this.log === "embedded" ? "node" : name);
    if (program === undefined) throw new Error(`${name} was never started`);
    return program;
  }

  token(claims: Partial<TokenClaims> = {}, ttlMs = 3_600_000): Promise<string> {
    const ann = { participant: "ann", tenant: TENANT, role: "user", sessions: ["*"], mayCreate: true } as const;
    return mintToken(SECRET, { ...ann, ...claims }, ttlMs);
  }

  /** Resolves when all of them serve. */
  async ready(): Promise<void> {
    for (const [name, { ready }] of this.#specs) {
      const program = this.#programs.get(name);
      if (program === undefined) continue;
      await until(`${name} serving`, async () => {
        if (!program.running) throw new Error(`${name} ended, and printed:\n${program.tail}`);
        return ready(program);
      });
    }
  }

  /** SIGKILL to a server, and a new one in its place at once. On the embedded log all three are one process. */
  async killAndRestart(name: ServerName): Promise<void> {
    const program = this.program(name);
    await program.kill();
    this.#run(program.name);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What each of them printed last, for whoever has to find out what went wrong. */
  get report(): string {
    return [...this.#programs.values()].map(({ name, tail }) => `--- ${name}\n${tail}`).join("\n");
  }

  #run(name: string): void {
    const spec = this.#specs.get(name);
    if (spec !== undefined) this.#programs.set(name, new Program({ name, ...spec }));
  }

  #embedded(): ServerSpec {
    return embeddedServer({
      edgePort: this.#ports.edge[0] ?? 0,
      ingestPort: this.#ports.ingest[0] ?? 0,
      folder: this.#folder,
      secret: SECRET,
    });
  }

  #onKafka(env: Readonly<Record<string, string>>): [string, ServerSpec][] {
    const own: Readonly<Record<ServerName, Readonly<Record<string, string>>>> = {
      keeper: { PERDURE_CHECKPOINT_MS: "500" },
      ingest: { PERDURE_AUTH_SECRET: SECRET, PERDURE_INGEST_PORT: String(this.#ports.ingest[0]) },
      edge: { PERDURE_AUTH_SECRET: SECRET, PERDURE_EDGE_PORT: String(this.#ports.edge[0]) },
    };
    const { brokers, topicPrefix } = this;
    const log = { brokers, topicPrefix, replication: 1, minInSync: 1, partitions: PARTITIONS };
    return (["keeper", "ingest", "edge"] as const).map((name) => {
      const statusPort = Number(new URL(this.statusUrl(name)).port);
      return [name, kafkaServer({ service: name, node: name, statusPort, log, env: { ...env, ...own[name] } })];
    });
  }
}
