import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Broker, freePorts, startBroker } from "../../tools/kafka/broker.ts";

const readyLimitMs = 60_000;

export interface Cluster {
  readonly brokers: string;
  readonly partitions: number;
  readonly ingestUrl: string;
  readonly edgeUrl: string;
  readonly secret: string;
  stop(): Promise<void>;
}

/** One broker (or those of KAFKA_BROKERS), one ingest, one edge and one keeper, each a process of its own, on loopback. */
export async function startCluster(): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), "perdure-bench-"));
  const given = process.env["KAFKA_BROKERS"];
  const broker = given === undefined ? await startBroker({ dir: join(dir, "kafka") }) : undefined;
  const brokers = given ?? broker?.bootstrap ?? "";
  const [ingest = 0, edge = 0, ...status] = await freePorts(5);
  const secret = crypto.randomUUID() + crypto.randomUUID();
  const partitions = 16;
  const shared = {
    PERDURE_LOG: "kafka",
    PERDURE_PARTITIONS: String(partitions),
    PERDURE_KAFKA_BROKERS: brokers,
    PERDURE_KAFKA_REPLICATION: "1",
    PERDURE_KAFKA_MIN_INSYNC: "1",
    PERDURE_TOPIC_PREFIX: `bench-${Date.now()}.`,
    PERDURE_LOG_LEVEL: "warn",
  };
  const auth = { PERDURE_AUTH_SECRET: secret };
  const services = [
    startService("keeper", { ...shared, PERDURE_STATUS_PORT: String(status[0]) }),
    startService("ingest", {
      ...shared,
      ...auth,
      PERDURE_INGEST_PORT: String(ingest),
      PERDURE_STATUS_PORT: String(status[1]),
    }),
    startService("edge", {
      ...shared,
      ...auth,
      PERDURE_EDGE_PORT: String(edge),
      PERDURE_STATUS_PORT: String(status[2]),
    }),
  ];
  await Promise.all(status.map((port) => ready(port)));
  return {
    brokers,
    partitions,
    secret,
    ingestUrl: `http://127.0.0.1:${ingest}`,
    edgeUrl: `ws://127.0.0.1:${edge}/v1/connect`,
    stop: () => stopAll(services, broker, dir),
  };
}

function startService(name: string, environment: Readonly<Record<string, string>>): ChildProcess {
  const { PATH = "", HOME = "" } = process.env;
  // With node's own flags, so that `--cpu-prof` profiles every process.
  return spawn(process.execPath, [...process.execArgv, `services/${name}/src/main.ts`], {
    env: { PATH, HOME, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

async function ready(statusPort: number): Promise<void> {
  const deadlineMs = Date.now() + readyLimitMs;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${statusPort}/readyz`).catch(() => undefined);
    if (response?.ok === true) return;
    if (Date.now() > deadlineMs) throw new Error(`nothing is ready on port ${statusPort}: see the messages above`);
    await sleep(100);
  }
}

async function stopAll(services: readonly ChildProcess[], broker: Broker | undefined, dir: string): Promise<void> {
  await Promise.all(services.map(stopService));
  await broker?.stop();
  await rm(dir, { recursive: true, force: true });
}

async function stopService(service: ChildProcess): Promise<void> {
  if (service.exitCode !== null) return;
  const exited = once(service, "exit");
  service.kill("SIGTERM");
  await exited;
}
