// A real Kafka broker on this machine (KRaft, one process as broker and controller), for ./dev, tests and benches.
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, closeSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { kafkaJars } from "./distribution.ts";
import { brokerAnswers } from "./probe.ts";

const startLimitMs = 60_000;
const stopLimitMs = 30_000;
const logConfiguration = join(dirname(fileURLToPath(import.meta.url)), "log4j2.properties");

/** A controller of a cluster: node ids are from 1, ports on loopback. */
export interface Voter {
  readonly nodeId: number;
  readonly controllerPort: number;
}

export interface BrokerOptions {
  /** Folder for data, configuration and broker.log; kept by the caller. A second start on it finds the old data. */
  readonly dir: string;
  /** Port for clients on 127.0.0.1; a free one where absent. */
  readonly port?: number;
  readonly controllerPort?: number;
  /** For a cluster: this node, and all of its controllers. One node alone by default. */
  readonly nodeId?: number;
  readonly voters?: readonly Voter[];
  /** Further broker settings, in Kafka's own names. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Users with a password for SCRAM, as the data begins with them: `SCRAM-SHA-256=[name=ann,password=secret]`. */
  readonly scramUsers?: readonly string[];
  /** True: outlives this process. Otherwise it ends with the thread that started it (on Linux even after a kill). */
  readonly detached?: boolean;
  /** True: as in production, for what that costs (twice the work at the start, 1 GiB of heap). Default: where detached. */
  readonly optimized?: boolean;
  /** False: does not wait until the broker answers; nodes of a cluster answer only once a majority runs. */
  readonly waits?: boolean;
}

export interface Broker {
  /** `host:port`, for clients. */
  readonly bootstrap: string;
  readonly pid: number;
  /** Asks it to end, and waits. Its leaderships are handed over first, where there are other nodes. */
  stop(): Promise<void>;
  /** Ends it as a crash would (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data and ports; it must have been stopped or killed. */
  restart(): Promise<void>;
}

/** Kafka's own start script has these: of so large a heap the young part is collected every ten seconds or so. */
const AS_IN_PRODUCTION = [
  "-Xms1g",
  "-Xmx1g",
  "-XX:+UseG1GC",
  "-XX:MaxGCPauseMillis=20",
  "-XX:InitiatingHeapOccupancyPercent=35",
  "-XX:+ExplicitGCInvokesConcurrent",
];
const FRUGAL = ["-XX:TieredStopAtLevel=1", "-Xms128m", "-Xmx512m"];

const FIRST_PORT = 20_000;
const PORT_COUNT = 1_500;
const given = new Set<number>();

/**
 * Ports that nothing listens on, below the range from which the system takes outgoing ones. None is given twice, since
 * nothing may listen on the first one yet; test files that run side by side take theirs from ranges of their own, and other
 * programs mostly do.
 */
export async function freePorts(count: number): Promise<number[]> {
  const range = Number(process.env["VITEST_POOL_ID"] ?? process.pid) % 8;
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST_PORT + range * PORT_COUNT + Math.floor(Math.random() * PORT_COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}

/** Starts a broker and waits until it answers; throws with the end of its log where it does not within a minute. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const [freePort = 0, freeControllerPort = 0] = await freePorts(2);
  const port = options.port ?? freePort;
  const controllerPort = options.controllerPort ?? freeControllerPort;
  if (!(await isFree(port))) throw new Error(`port ${port} on 127.0.0.1 is in use: choose another with --port`);
  const broker = new BrokerProcess(options, port, controllerPort);
  await broker.prepare();
  await broker.restart();
  return broker;
}

class BrokerProcess implements Broker {
  readonly bootstrap: string;
  readonly #options: BrokerOptions;
  readonly #configuration: string;
  readonly #jars: string;
  #child: ChildProcess | undefined;

  constructor(options: BrokerOptions, port: number, controllerPort: number) {
    this.#options = options;
    this.#jars = kafkaJars();
    this.bootstrap = `127.0.0.1:${port}`;
    this.#configuration = join(options.dir, "server.properties");
    mkdirSync(options.dir, { recursive: true });
    writeFileSync(this.#configuration, properties(options, port, controllerPort));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Makes its folder one of Kafka's, where it is not yet. */
  async prepare(): Promise<void> {
    if (!existsSync(join(this.#options.dir, "data", "meta.properties"))) await this.#format();
  }

  async restart(): Promise<void> {
    if (this.#isRunning()) throw new Error(`the broker at ${this.bootstrap} is still running`);
    const log = openSync(join(this.#options.dir, "broker.log"), "a");
    const detached = this.#options.detached === true;
    const [program = "java", ...args] = [
      ...(detached ? [] : diesWithParent()),
      ...this.#java("kafka.Kafka", this.#configuration),
    ];
    this.#child = spawn(program, args, { stdio: ["ignore", log, log], detached });
    closeSync(log);
    if (detached) this.#child.unref();
    if (this.#options.waits !== false) await this.#answers();
  }

  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.#isRunning()) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const patience = setTimeout(() => child.kill("SIGKILL"), stopLimitMs);
    child.kill(signal);
    await gone;
    clearTimeout(patience);
  }

  #isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async #answers(): Promise<void> {
    const limit = performance.now() + startLimitMs;
    while (this.#isRunning() && performance.now() < limit) {
      if (await brokerAnswers(this.bootstrap)) return;
      await sleep(100);
    }
    const log = readFileSync(join(this.#options.dir, "broker.log"), "utf8").split("\n").slice(-20).join("\n");
    await this.kill();
    throw new Error(`the broker at ${this.bootstrap} did not start; the end of its log:\n${log}`);
  }

  async #format(): Promise<void> {
    const clusterId = "cGVyZHVyZS1sb2NhbC0wMQ";
    const [program = "", ...args] = this.#java(
      "kafka.tools.StorageTool",
      "format",
      "--cluster-id",
      clusterId,
      "--config",
      this.#configuration,
      ...(this.#options.scramUsers ?? []).flatMap((user) => ["--add-scram", user]),
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    execFile(program, args, (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`could not prepare ${this.#options.dir} for Kafka: ${stdout}${stderr}`));
    });
    return promise;
  }

  #java(...args: string[]): string[] {
    const optimized = this.#options.optimized ?? this.#options.detached === true;
    return [
      "java",
      ...(optimized ? AS_IN_PRODUCTION : FRUGAL),
      `-Dlog4j2.configurationFile=${logConfiguration}`,
      "-cp",
      `${this.#jars}/*`,
      ...args,
    ];
  }
}

/** A command that makes the one after it end with the thread that started it, where the system has one. */
export function diesWithParent(): string[] {
  const setpriv = ["setpriv", "--pdeathsig", "KILL", "--"];
  return process.platform === "linux" && spawnSync("setpriv", ["--version"]).status === 0 ? setpriv : [];
}

function properties(options: BrokerOptions, port: number, controllerPort: number): string {
  const nodeId = options.nodeId ?? 1;
  const voters = options.voters ?? [{ nodeId, controllerPort }];
  const replicas = String(Math.min(voters.length, 3));
  const settings: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": String(nodeId),
    "controller.quorum.voters": voters.map((voter) => `${voter.nodeId}@127.0.0.1:${voter.controllerPort}`).join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": join(options.dir, "data"),
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    // A restart after a crash waits until the controller has forgotten the dead broker: 3 s instead of 9.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    // What brokers have asked of a controller that is frozen, they ask of the next one: after 3 s instead of 30.
    "controller.socket.timeout.ms": "3000",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": voters.length > 1 ? "2" : "1",
    "log.cleaner.dedupe.buffer.size": String(32 * 1024 * 1024),
    ...options.properties,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
