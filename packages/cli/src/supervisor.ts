/** What `perdure up` runs: servers, agent, page and the one public port, until it is told to stop. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mintToken } from "@perdure/service-kit";
import type { UpOptions } from "./options.ts";
import { freePort, listenOn } from "./ports.ts";
import { findBrokers } from "./processes/kafka.ts";
import { ManagedProcess } from "./processes/managed-process.ts";
import type { ServerSet } from "./processes/server-set.ts";
import { serverSet } from "./processes/server-set.ts";
import { keyFor, openSecret } from "./secret.ts";
import { openTruthReader } from "./truth-reader.ts";
import { openGate } from "./web/gate.ts";
import { LOOPBACK_HOSTS, networkAddresses, originOf, pageLink, qrForPage } from "./web/links.ts";
import { oneTimeCodes } from "./web/one-time-codes.ts";
import type { OneTimeCodes } from "./web/one-time-codes.ts";
import { bundlePage } from "./web/page.ts";
import { openRelay } from "./web/relay.ts";
import { createWebServer } from "./web/web-server.ts";
import type { Controls, WebServerOptions } from "./web/web-server.ts";

export interface Supervisor {
  readonly port: number;
  /** Where agents on this machine connect. */
  readonly agentUrl: string;
  /** File of a token for them, renewed while this runs. */
  readonly tokenFile: string;
  /** A link to the page, with a code that works once. */
  link(): string;
  /** The address of this machine on its network; undefined: it listens on loopback only. */
  readonly address: string | undefined;
  stop(): Promise<void>;
}

/** Told what is being done. */
export type Say = (what: string) => void;

export const TENANT = "local";
/** Who uses the page, by the role that it is opened in. */
const PEOPLE = {
  user: { participant: "you", name: "You" },
  operator: { participant: "operator", name: "The operator" },
} as const;
const FIRST_SESSION = "welcome";
const PAGE_TOKEN_MS = 15 * 60_000;
const AGENT_TOKEN_MS = 60 * 60_000;
const PRINTED_CODE_MS = 60 * 60_000;
const DEVICE_CODE_MS = 60_000;

/** Starts everything. Throws CliError `port_in_use`, `start_failed`; nothing is left running then. */
export async function startSupervisor(options: UpOptions, root: string, say: Say): Promise<Supervisor> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  try {
    return await startAll({ options, root, say, stops, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Starting {
  readonly options: UpOptions;
  readonly root: string;
  readonly say: Say;
  readonly stops: (() => Promise<void> | void)[];
  readonly stop: () => Promise<void>;
}

async function startAll({ options, root, say, stops, stop }: Starting): Promise<Supervisor> {
  const { stateFolder, lan } = options;
  const secret = openSecret(stateFolder);
  mkdirSync(join(stateFolder, "logs"), { recursive: true, mode: 0o700 });
  const { promise: ready, resolve } = Promise.withResolvers<WebServerOptions>();
  const web = createWebServer(ready);
  const port = await listenOn(web, lan ? "0.0.0.0" : "127.0.0.1", options.port);
  stops.push(() => {
    web.close();
    web.closeAllConnections();
  });

  const building = bundlePage(join(root, "examples/workbench"));
  // Its failure is told when it is awaited.
  building.catch(() => undefined);
  const brokers = options.log === "kafka" ? await findBrokers(root, process.env) : [];
  say(
    `starting edge, ingest and keeper on ${brokers.length === 0 ? "the embedded log" : `Kafka at ${brokers.join(", ")}`}`,
  );
  const address = lan ? networkAddresses()[0] : undefined;
  const hosts = [...LOOPBACK_HOSTS, ...(lan ? networkAddresses() : [])];
  const origins = hosts.map((host) => originOf(host, port));
  const servers = await serverSet({ root, stateFolder, brokers, origins, agentPort: await freePort(port + 1), say });
  stops.push(() => servers.stop());

  const tokenFile = join(stateFolder, "agent-token");
  stops.push(await keepToken(secret, tokenFile));
  say(`starting the analyst on ${options.folder}`);
  const analyst = analystOn({ options, root, servers, tokenFile });
  stops.push(() => analyst.process.stop());
  const serving = servers.start();
  // A broker that is away is waited for, for longer than a process may take to start.
  if (options.log === "kafka") await serving;
  // The analyst reads its folder meanwhile, and connects when it can.
  await Promise.all([serving, analyst.process.start()]);
  const page = await building;
  const relay = openRelay({ edgePort: () => servers.edgePort, plainPort: () => analyst.facts().plainPort }, () =>
    performance.now(),
  );
  stops.push(() => relay.close());
  const codes = oneTimeCodes(() => performance.now());
  const truth = await openTruthReader(truthFile(stateFolder));
  const controls = controlsOf({ options, secret, servers, analyst, codes, truth, host: address ?? "localhost", port });
  resolve({ page, gate: openGate({ port, hosts, key: keyFor(secret, "page cookie") }), codes, relay, controls });
  return {
    port,
    agentUrl: servers.agentUrl,
    tokenFile,
    address,
    link: () =>
      pageLink(address ?? "localhost", port, FIRST_SESSION, codes.issue(lan ? DEVICE_CODE_MS : PRINTED_CODE_MS)),
    stop,
  };
}

/** What the analyst says when it is ready. */
interface AnalystFacts {
  readonly plainPort: number | undefined;
  readonly description: string;
  /** What it calls its folder. */
  readonly title: string;
  readonly suggestions: readonly string[];
}

interface Analyst {
  readonly process: ManagedProcess;
  facts(): AnalystFacts;
}

const truthFile = (stateFolder: string): string => join(stateFolder, "truth.jsonl");

function analystOn(at: { options: UpOptions; root: string; servers: ServerSet; tokenFile: string }): Analyst {
  const { options, root, servers, tokenFile } = at;
  let facts: AnalystFacts = { plainPort: undefined, description: "", title: "", suggestions: [] };
  const spec = {
    name: "analyst",
    args: [join(root, "examples/analyst/src/main.ts"), "--folder", options.folder],
    env: {
      PERDURE_URL: servers.agentUrl,
      PERDURE_TOKEN_FILE: tokenFile,
      ANALYST_TRUTH_FILE: truthFile(options.stateFolder),
    },
    cwd: root,
    logPath: join(options.stateFolder, "logs/analyst.log"),
  };
  const process = new ManagedProcess(spec, (message) => {
    facts = factsFrom(message);
  });
  return { process, facts: () => facts };
}

function factsFrom(message: unknown): AnalystFacts {
  const fields = typeof message === "object" && message !== null ? message : {};
  const suggestions = "suggestions" in fields && Array.isArray(fields.suggestions) ? fields.suggestions : [];
  return {
    plainPort: "plainPort" in fields && typeof fields.plainPort === "number" ? fields.plainPort : undefined,
    title: "title" in fields && typeof fields.title === "string" ? fields.title : "",
    description: "description" in fields && typeof fields.description === "string" ? fields.description : "",
    suggestions: suggestions.filter((one) => typeof one === "string"),
  };
}

// Agents that people write read the token from its file at each connection, so a short one serves them as well.
async function keepToken(secret: string, path: string): Promise<() => void> {
  const write = async (): Promise<void> => {
    const claims = { participant: "local-agent", tenant: TENANT, role: "agent", sessions: ["*"] } as const;
    writeFileSync(path, await mintToken(secret, claims, AGENT_TOKEN_MS), { mode: 0o600 });
  };
  await write();
  const timer = setInterval(() => void write(), AGENT_TOKEN_MS / 2);
  return () => clearInterval(timer);
}

interface ControlParts {
  readonly options: UpOptions;
  readonly secret: string;
  readonly servers: ServerSet;
  readonly analyst: Analyst;
  readonly codes: OneTimeCodes;
  readonly truth: Awaited<ReturnType<typeof openTruthReader>>;
  readonly host: string;
  readonly port: number;
}

function controlsOf({ options, secret, servers, analyst, codes, truth, host, port }: ControlParts): Controls {
  return {
    async token(role) {
      const claims = { ...PEOPLE[role], tenant: TENANT, role, sessions: ["*"], mayCreate: true } as const;
      return { token: await mintToken(secret, claims, PAGE_TOKEN_MS), expiresMs: Date.now() + PAGE_TOKEN_MS };
    },
    async state(session, from) {
      const { description, title, suggestions } = analyst.facts();
      return {
        agent: analyst.process.status,
        server: servers.status,
        folder: title,
        model: description,
        suggestions,
        lan: options.lan,
        truth: await truth.since(session, from),
      };
    },
    kill(what) {
      if (what === "agent") analyst.process.kill();
      else servers.kill();
    },
    async link(session) {
      const url = pageLink(host, port, session, codes.issue(DEVICE_CODE_MS));
      return { url, livesMs: DEVICE_CODE_MS, ...(options.lan ? { qr: await qrForPage(url) } : {}) };
    },
  };
}
