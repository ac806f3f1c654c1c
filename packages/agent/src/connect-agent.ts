import { Agent } from "./agent.ts";
import { systemClock } from "./clock.ts";
import { WorkerHeartbeat } from "./heartbeat/heartbeat.ts";
import { grpcPages, grpcTransport } from "./link/grpc-transport.ts";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";

export interface AgentOptions {
  /** Where ingest is: `http://host:port`, or `https://host:port`. */
  readonly url: string;
  /** Asked for each connection, and again before a token ends. */
  getToken(): string | Promise<string>;
  /** What the agent is called by those who ask it. */
  readonly name: string;
  /** How many runs it does at once; default 1. */
  readonly capacity?: number;
  /** For people: model, version. */
  readonly description?: string;
  /** This process; default: random. Never the same after a restart. */
  readonly instance?: string;
  /** PEM of the authority to trust; default: the system's. */
  readonly ca?: string;
  /** Default: says nothing. */
  readonly logger?: Logger;
}

/**
 * Connects an agent. Keeps trying while no node can be reached; throws PerdureError where trying is in vain:
 * `unauthenticated`, `forbidden`, `protocol_version`, `invalid_name`.
 */
export async function connectAgent(options: AgentOptions): Promise<Agent> {
  const { url, ca, logger = silentLogger } = options;
  const agent = new Agent({
    name: options.name,
    capacity: options.capacity ?? 1,
    description: options.description ?? "",
    instance: options.instance,
    url,
    ca,
    getToken: () => options.getToken(),
    transport: grpcTransport({ url, ca }),
    pages: grpcPages({ url, ca }, () => options.getToken()),
    heartbeat: new WorkerHeartbeat(logger),
    clock: systemClock,
    random: Math.random,
    logger,
  });
  await agent.connect();
  return agent;
}
