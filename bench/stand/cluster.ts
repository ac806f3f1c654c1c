import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "@perdure/log";
import { topicSpecs } from "@perdure/replica";
import { type Broker, freePorts, startBroker } from "../../tools/kafka/broker.ts";
import { openBenchLog } from "./bench-log.ts";
import { type RunningService, startService } from "./service-process.ts";

export type ServiceName = "keeper" | "ingest" | "edge";

export interface ClusterOptions {
  /** Those that are started; the others may be later. */
  readonly services?: readonly ServiceName[];
  readonly partitions?: number;
  /** Of every service, besides where everything is. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One broker (or those of KAFKA_BROKERS) and services, each a process of its own, on loopback. */
export class Cluster {
  readonly brokers: string;
  readonly partitions: number;
  readonly secret = crypto.randomUUID() + crypto.randomUUID();
  readonly topicPrefix = `bench-${Date.now()}.`;
  readonly #ports: Readonly<Record<ServiceName, { readonly port: number; readonly status: number }>>;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #stops: (() => Promise<void>)[] = [];
  readonly #running = new Map<ServiceName, RunningService>();

  constructor(brokers: string, partitions: number, ports: readonly number[], environment: Record<string, string>) {
    this.brokers = brokers;
    this.partitions = partitions;
    const at = (index: number): number => ports[index] ?? 0;
    this.#ports = {
      keeper: { port: 0, status: at(0) },
      ingest: { port: at(1), status: at(2) },
      edge: { port: at(3), status: at(4) },
    };
    this.#environment = environment;
  }

  get ingestUrl(): string {
    return `http://127.0.0.1:${this.#ports.ingest.port}`;
  }

  get edgePort(): number {
    return this.#ports.edge.port;
  }

  get edgeUrl(): string {
    return `ws://127.0.0.1:${this.edgePort}/v1/connect`;
  }

  /** Starts a service; resolves when it is ready. */
  async start(name: ServiceName): Promise<RunningService> {
    const { port, status } = this.#ports[name];
    const own: Record<ServiceName, Record<string, string>> = {
      keeper: {},
      ingest: { PERDURE_AUTH_SECRET: this.secret, PERDURE_INGEST_PORT: String(port) },
      edge: { PERDURE_AUTH_SECRET: this.secret, PERDURE_EDGE_PORT: String(port) },
    };
    const service = await startService(name, status, {
      PERDURE_LOG: "kafka",
      PERDURE_PARTITIONS: String(this.partitions),
      PERDURE_KAFKA_BROKERS: this.brokers,
      PERDURE_KAFKA_REPLICATION: "1",
      PERDURE_KAFKA_MIN_INSYNC: "1",
      PERDURE_TOPIC_PREFIX: this.topicPrefix,
      PERDURE_LOG_LEVEL: "error",
      ...own[name],
      ...this.#environment,
    });
    this.#running.set(name, service);
    return service;
  }

  /** What a service says of one of its metrics, all labels together. */
  async metric(name: ServiceName, metric: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#ports[name].status}/metrics`);
    const lines = (await response.text()).matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, "gm"));
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** A service that runs. */
  service(name: ServiceName): RunningService {
    const service = this.#running.get(name);
    if (service === undefined) throw new Error(`no ${name} runs`);
    return service;
  }

  /** The cluster's log, with its topics, for who writes to it directly. Closed with the cluster. */
  async openLog(): Promise<Log> {
    const log = await openBenchLog(this.brokers, this.topicPrefix);
    this.onStop(() => log.close());
    await log.provision(topicSpecs(this.partitions));
    return log;
  }

  /** Called at the end, the last one first. */
  onStop(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((service) => service.stop()));
    for (const stop of this.#stops.toReversed()) await stop();
  }
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { services = ["keeper", "ingest", "edge"], partitions = 16, environment = {} } = options;
  const dir = await mkdtemp(join(tmpdir(), "perdure-bench-"));
  const given = process.env["KAFKA_BROKERS"];
  const broker: Broker | undefined =
    given === undefined ? await startBroker({ dir: join(dir, "kafka"), optimized: true }) : undefined;
  const cluster = new Cluster(given ?? broker?.bootstrap ?? "", partitions, await freePorts(5), { ...environment });
  cluster.onStop(() => rm(dir, { recursive: true, force: true }));
  if (broker !== undefined) cluster.onStop(() => broker.stop());
  await Promise.all(services.map((name) => cluster.start(name)));
  return cluster;
}
