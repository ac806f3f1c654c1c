// Everything that a chaos run runs: brokers, servers and agents as processes, and what connects them.
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mintToken } from "@perdure/service-kit";
import { freePorts } from "../../tools/kafka/broker.ts";
import { startProxiedBrokers } from "../../tools/kafka/proxied-brokers.ts";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { embeddedServer, kafkaServer, type KafkaPlace, type ServerSpec } from "../support/server-specs.ts";
import { type LogKind, TENANT } from "../support/servers.ts";
import { type Mortal, MortalBroker, MortalProgram } from "./mortal.ts";
import type { Random } from "./random.ts";

export interface FleetOptions {
  readonly log: LogKind;
  readonly folder: string;
  readonly random: Random;
  readonly brokerCount: number;
  readonly agentCount: number;
  readonly agentCapacity: number;
  readonly wordsPerSecond: number;
}

export const SECRET = "a secret of this chaos run that is long enough for HS256";
const COPIES = 2;
const PARTITIONS = 8;
const HOUR_MS = 3_600_000;

export class Fleet {
  readonly brokers: readonly Mortal[];
  /** By what they lead to: `clients`, `agents`, `brokers`. */
  readonly proxies: ReadonlyMap<string, readonly TcpProxy[]>;
  readonly kafka: KafkaPlace | undefined;
  readonly folder: string;
  readonly #programs: MortalProgram[];

  private constructor(parts: Pick<Fleet, "brokers" | "proxies" | "kafka" | "folder">, programs: MortalProgram[]) {
    this.#programs = programs;
    this.brokers = parts.brokers;
    this.proxies = parts.proxies;
    this.kafka = parts.kafka;
    this.folder = parts.folder;
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const { log, folder, random } = options;
    mkdirSync(folder, { recursive: true });
    const toBrokers = log === "kafka" ? await proxiedKafka(options) : undefined;
    const servers = toBrokers === undefined ? await embedded(folder) : await onKafka(toBrokers.kafka);
    const [clients, agents] = await Promise.all(
      [servers.edgePorts, servers.ingestPorts].map((targets) =>
        TcpProxy.start({ targets, random: () => random.next() }),
      ),
    );
    if (clients === undefined || agents === undefined) throw new Error("no proxies");
    const agentSpec = await agentOf(options, agents.port);
    const names = Array.from({ length: options.agentCount }, (_, index) => `agent-${index + 1}`);
    const proxies = new Map([
      ["clients", [clients]],
      ["agents", [agents]],
      ...(toBrokers === undefined ? [] : ([["brokers", toBrokers.proxies]] as const)),
    ]);
    const fleet = new Fleet(
      { brokers: toBrokers?.brokers ?? [], proxies, kafka: toBrokers?.kafka, folder },
      servers.specs.map(([kind, name, spec]) => new MortalProgram(kind, name, spec)),
    );
    try {
      await fleet.#work();
      for (const name of names) fleet.#programs.push(new MortalProgram("agent", name, agentSpec(name)));
      await fleet.#work();
      return fleet;
    } catch (error) {
      fleet.keepLogs();
      await fleet.stop();
      throw error;
    }
  }

  async #work(): Promise<void> {
    for (const program of this.programs) await program.works();
  }

  get programs(): readonly MortalProgram[] {
    return this.#programs;
  }

  get mortals(): readonly Mortal[] {
    return [...this.programs, ...this.brokers];
  }

  get clientUrl(): string {
    return `ws://127.0.0.1:${this.proxies.get("clients")?.[0]?.port}/v1/connect`;
  }

  of(kind: string): readonly MortalProgram[] {
    return this.programs.filter((program) => program.kind === kind);
  }

  /** Writes what every process printed into files of the folder. */
  keepLogs(): void {
    for (const { name, output } of this.programs) writeFileSync(join(this.folder, `${name}.log`), output);
  }

  async stop(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop()));
    await Promise.all(this.brokers.map((broker) => broker.stop()));
    for (const proxy of [...this.proxies.values()].flat()) await proxy.close();
  }
}

async function proxiedKafka({ folder, brokerCount, random }: FleetOptions) {
  const dir = join(folder, "kafka");
  const { brokers, proxies, addresses } = await startProxiedBrokers({
    dir,
    count: brokerCount,
    random: () => random.next(),
  });
  const kafka: KafkaPlace = {
    brokers: addresses.join(","),
    topicPrefix: `chaos-${randomUUID().slice(0, 8)}.`,
    replication: Math.min(3, brokerCount),
    minInSync: Math.min(2, brokerCount),
    partitions: PARTITIONS,
  };
  return { proxies, kafka, brokers: brokers.nodes.map((node, index) => new MortalBroker(`broker-${index + 1}`, node)) };
}

interface ServerSet {
  readonly specs: readonly (readonly [kind: string, name: string, ServerSpec])[];
  readonly edgePorts: readonly number[];
  readonly ingestPorts: readonly number[];
}

async function embedded(folder: string): Promise<ServerSet> {
  const [edgePort = 0, ingestPort = 0] = await freePorts(2);
  const spec = embeddedServer({ edgePort, ingestPort, folder, secret: SECRET });
  return { specs: [["server", "server", spec]], edgePorts: [edgePort], ingestPorts: [ingestPort] };
}

async function onKafka(log: KafkaPlace): Promise<ServerSet> {
  const free = await freePorts(5 * COPIES);
  const take = (): number[] => free.splice(0, COPIES);
  const [edgePorts, ingestPorts] = [take(), take()];
  const auth = { PERDURE_AUTH_SECRET: SECRET };
  const own = {
    keeper: () => ({ PERDURE_CHECKPOINT_MS: "1000" }),
    ingest: (index: number) => ({
      ...auth,
      PERDURE_INGEST_PORT: String(ingestPorts[index]),
      PERDURE_INGEST_ADVERTISED_URL: `http://127.0.0.1:${ingestPorts[index]}`,
    }),
    edge: (index: number) => ({ ...auth, PERDURE_EDGE_PORT: String(edgePorts[index]) }),
  };
  const specs = (["keeper", "ingest", "edge"] as const).flatMap((service) =>
    take().map((statusPort, index): ServerSet["specs"][number] => {
      const node = `${service}-${index + 1}`;
      return [service, node, kafkaServer({ service, node, statusPort, log, env: own[service](index) })];
    }),
  );
  return { specs, edgePorts, ingestPorts };
}

async function agentOf(options: FleetOptions, port: number): Promise<(name: string) => ServerSpec> {
  const claims = { participant: "counter", tenant: TENANT, role: "agent", sessions: ["*"] } as const;
  const token = await mintToken(SECRET, claims, HOUR_MS);
  return (name) => ({
    args: [fileURLToPath(new URL("../support/counting-agent.ts", import.meta.url))],
    env: {
      COUNTING_URL: `http://127.0.0.1:${port}`,
      COUNTING_TOKEN: token,
      COUNTING_PER_SECOND: String(options.wordsPerSecond),
      COUNTING_CAPACITY: String(options.agentCapacity),
      COUNTING_DIARY: join(options.folder, `${name}.diary.jsonl`),
    },
    ready: (program) => Promise.resolve(program.output.includes("counting agent serves")),
  });
}
