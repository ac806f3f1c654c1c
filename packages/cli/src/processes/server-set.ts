/** The servers behind the public port: one process on the embedded log, or one per service on Kafka. */
import { join } from "node:path";
import { NODE_FLAGS } from "@perdure/service-kit";
import { freePort } from "../ports.ts";
import { ManagedProcess } from "./managed-process.ts";
import type { ProcessStatus } from "./managed-process.ts";

export interface ServerSet {
  /** Where the edge listens on loopback. */
  readonly edgePort: number;
  readonly agentUrl: string;
  readonly status: ProcessStatus;
  /** SIGKILL to all of them; they are started again at once, on the same ports. */
  kill(): void;
  /** Settles when all of them serve. Throws CliError `start_failed`. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerSetOptions {
  readonly root: string;
  readonly stateFolder: string;
  /** Brokers of the Kafka log, `host:port`; empty: the embedded log. */
  readonly brokers: readonly string[];
  /** Where agents connect, on loopback. */
  readonly agentPort: number;
  /** Origins of the page. */
  readonly origins: readonly string[];
  /** Told what the servers warn of before they serve. */
  readonly say: (what: string) => void;
}

/** The servers, not started yet, with the ports that they will have. */
export async function serverSet(options: ServerSetOptions): Promise<ServerSet> {
  const edgePort = await freePort();
  const processes = options.brokers.length === 0 ? [embedded(options, edgePort)] : await onKafka(options, edgePort);
  return {
    edgePort,
    agentUrl: `http://127.0.0.1:${options.agentPort}`,
    get status() {
      return worst(processes.map((process) => process.status));
    },
    kill() {
      for (const process of processes) process.kill();
    },
    async start() {
      await Promise.all(processes.map((process) => process.start()));
    },
    async stop() {
      await Promise.all(processes.map((process) => process.stop()));
    },
  };
}

// What people should know of several processes: the one that is furthest from serving.
function worst(statuses: readonly ProcessStatus[]): ProcessStatus {
  const [first = { name: "server", phase: "down", pid: undefined, starts: 0 } as const, ...rest] = statuses;
  return rest.reduce((status, next) => (next.phase === "up" ? status : next), first);
}

function embedded({ root, stateFolder, agentPort, origins }: ServerSetOptions, edgePort: number): ManagedProcess {
  return new ManagedProcess({
    name: "server",
    args: [...NODE_FLAGS, join(root, "packages/cli/src/processes/node-process.ts")],
    env: {
      NODE_EDGE_PORT: String(edgePort),
      NODE_INGEST_PORT: String(agentPort),
      NODE_LOG_FOLDER: join(stateFolder, "log"),
      NODE_SECRET_FILE: join(stateFolder, "secret"),
      NODE_ORIGINS: origins.join(","),
    },
    cwd: root,
    logPath: join(stateFolder, "logs/server.log"),
  });
}

// A broker that is not there is waited for. What the services warn of meanwhile is passed on, once for all of them.
async function onKafka(options: ServerSetOptions, edgePort: number): Promise<ManagedProcess[]> {
  const { root, stateFolder, brokers, agentPort, origins } = options;
  const own: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    keeper: {},
    ingest: { PERDURE_INGEST_PORT: String(agentPort), PERDURE_AUTH_SECRET_FILE: join(stateFolder, "secret") },
    edge: {
      PERDURE_EDGE_PORT: String(edgePort),
      PERDURE_AUTH_SECRET_FILE: join(stateFolder, "secret"),
      PERDURE_EDGE_ORIGINS: origins.join(","),
      PERDURE_EDGE_HOSTS: "127.0.0.1",
    },
  };
  const said = new Set<string>();
  const onLineBeforeReady = (line: string): void => {
    const warning = warningIn(line);
    if (warning !== undefined && !said.has(warning)) options.say(warning);
    said.add(warning ?? "");
  };
  const processes: ManagedProcess[] = [];
  for (const [name, env] of Object.entries(own)) {
    const statusPort = await freePort();
    const spec = {
      name,
      args: [...NODE_FLAGS, join(root, "services", name, "src/main.ts")],
      env: {
        ...env,
        PERDURE_NODE: name,
        PERDURE_LOG: "kafka",
        PERDURE_KAFKA_BROKERS: brokers.join(","),
        PERDURE_KAFKA_REPLICATION: "1",
        PERDURE_KAFKA_MIN_INSYNC: "1",
        PERDURE_STATUS_PORT: String(statusPort),
        PERDURE_DRAIN_MS: "2000",
      },
      cwd: root,
      logPath: join(stateFolder, `logs/${name}.log`),
      readyUrl: `http://127.0.0.1:${statusPort}/readyz`,
      onLineBeforeReady,
    };
    processes.push(new ManagedProcess(spec));
  }
  return processes;
}

/** What a line of a service's log warns of; undefined: of nothing. */
function warningIn(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const fields = typeof value === "object" && value !== null ? value : {};
    return "level" in fields && fields.level === "warn" && "msg" in fields ? String(fields.msg) : undefined;
  } catch {
    return undefined;
  }
}
