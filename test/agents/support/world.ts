// One perdure on an embedded log in a temporary folder: ingest, keeper, and people who write straight into sessions.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Ingest, type IngestLimits, startIngest } from "@perdure/ingest";
import { type Keeper, startKeeper } from "@perdure/keeper";
import type { Log } from "@perdure/log";
import { openEmbeddedLog } from "@perdure/log-embedded";
import type { EventJson, MessageStateJson, RoleJson } from "@perdure/protocol";
import { createReplica, type HeldSession, type Replica, topicSpecs } from "@perdure/replica";
import { createLogger, createMetrics, mintToken, type TokenClaims } from "@perdure/service-kit";
import { type Accepted, PerdureError, project, type SessionState, type Verdict } from "@perdure/core";

export const SECRET = "a secret of thirty-two bytes or more";
const TENANT = "acme";
export const PARTITIONS = 2;
const LEVEL = process.env["TEST_LOG_LEVEL"] ?? "silent";

export const logger = createLogger({ service: "test", node: "test", level: LEVEL });

export interface WorldOptions {
  readonly limits?: Partial<IngestLimits>;
  readonly keeper?: { readonly checkpointMs?: number };
}

/** Everything but the agents. */
export class World {
  readonly dir: string;
  readonly log: Log;
  readonly people: Replica;
  readonly #options: WorldOptions;
  #ingest: Ingest | undefined;
  #keeper: Keeper | undefined;
  #port = 0;
  readonly #held: HeldSession[] = [];

  static async start(options: WorldOptions = {}): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), "perdure-agents-"));
    const log = await openEmbeddedLog({ dir });
    await log.provision(topicSpecs(PARTITIONS));
    const world = new World(dir, log, options);
    await world.startKeeper();
    await world.startIngest();
    return world;
  }

  private constructor(dir: string, log: Log, options: WorldOptions) {
    this.dir = dir;
    this.log = log;
    this.#options = options;
    this.people = createReplica({ log, partitions: PARTITIONS, logger });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The same port each time, as after a restart. */
  async startIngest(): Promise<void> {
    this.#ingest = await startIngest({
      log: this.log,
      logger,
      metrics: createMetrics({ service: "ingest", node: "ingest-1" }),
      limits: this.#options.limits ?? {},
      config: {
        node: "ingest-1",
        host: "127.0.0.1",
        port: this.#port,
        partitions: PARTITIONS,
        tls: undefined,
        advertisedUrl: "",
        auth: { keys: { kind: "secret", secret: SECRET } },
        leaseMs: 6_000,
        beatMs: 2_000,
      },
    });
    this.#port = this.#ingest.port;
  }

  async stopIngest(): Promise<void> {
    await this.#ingest?.stop();
    this.#ingest = undefined;
  }

  async stopIngestAfterDrain(withinMs: number): Promise<void> {
    await this.#ingest?.drain(withinMs);
    await this.stopIngest();
  }

  async startKeeper(): Promise<void> {
    this.#keeper = await startKeeper({
      log: this.log,
      config: { node: "keeper-1", partitions: PARTITIONS, ...this.#options.keeper },
      logger,
    });
  }

  async stopKeeper(): Promise<void> {
    await this.#keeper?.stop();
    this.#keeper = undefined;
  }

  async stop(): Promise<void> {
    for (const held of this.#held) held.detach();
    await this.stopIngest();
    await this.stopKeeper();
    await this.people.close();
    await this.log.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  token(claims: Partial<TokenClaims> = {}, ttlMs = 60_000): Promise<string> {
    const agent = { participant: "bot", tenant: TENANT, role: "agent", sessions: ["*"] } as const;
    return mintToken(SECRET, { ...agent, ...claims }, ttlMs);
  }

  /** Messages that left a session's current state for its pages, oldest first. */
  async pages({ key, state }: Person): Promise<readonly MessageStateJson[]> {
    const pages = [];
    for (let number = 0; number < state.nextPage; number += 1) {
      pages.push(await retried(() => this.people.readPage(key, state.epoch ?? 0, number)));
    }
    return pages.flatMap((page) => page?.messages ?? []);
  }

  /** Somebody who watches and writes in a session, which is begun where it is not there. */
  async person(session: string, name = "ann", role: RoleJson = "ROLE_USER"): Promise<Person> {
    const listeners = new Set<(accepted: Accepted) => void>();
    const held = await this.people.attach(`${TENANT}/${session}`, {
      onAccepted: (accepted) => {
        for (const listener of [...listeners]) listener(accepted);
      },
      onLost: () => undefined,
    });
    this.#held.push(held);
    const person = new Person(held, listeners, { tenant: TENANT, participant: name, role });
    if (held.state.epoch === undefined) await person.write([{ sessionCreated: { title: session } }]);
    return person;
  }
}

/** What is not there yet says when to come back. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PerdureError) || error.retryAfterMs === undefined) throw error;
      await delay(error.retryAfterMs);
    }
  }
}

interface Writer {
  readonly tenant: string;
  readonly participant: string;
  readonly role: RoleJson;
}

/** Somebody in a session: what they see, and what they write. */
export class Person {
  readonly #held: HeldSession;
  readonly #listeners: Set<(accepted: Accepted) => void>;
  readonly #actor: Writer;
  readonly #producer = randomUUID();
  readonly #ended = new Map<string, string>();
  #number = 0;

  constructor(held: HeldSession, listeners: Set<(accepted: Accepted) => void>, actor: Writer) {
    this.#held = held;
    this.#listeners = listeners;
    this.#actor = actor;
    listeners.add(({ events }) => {
      for (const { runCompleted, runFailed, runCancelled } of events) {
        if (runCompleted?.runId !== undefined) this.#ended.set(runCompleted.runId, "RUN_PHASE_COMPLETED");
        if (runFailed?.runId !== undefined) this.#ended.set(runFailed.runId, "RUN_PHASE_FAILED");
        if (runCancelled?.runId !== undefined) this.#ended.set(runCancelled.runId, "RUN_PHASE_CANCELLED");
      }
    });
  }

  get key(): string {
    return this.#held.sessionKey;
  }

  get state(): SessionState {
    return this.#held.state;
  }

  async write(events: EventJson[], attempt = 0): Promise<Verdict> {
    const number = ++this.#number;
    const own = { producer: this.#producer, first: number, last: number, born: this.state.seq };
    const { stored, applied } = this.#held.publish({ ...own, actor: this.#actor, attempt, events });
    await stored;
    const verdict = await applied;
    if (verdict.kind !== "accepted") throw new Error(`refused: ${JSON.stringify(verdict)}`);
    return verdict;
  }

  /** Says something and asks an agent to answer it; the run's id. */
  async ask(text: string, agent = "helper", more: { readonly input?: string } = {}): Promise<string> {
    const number = this.#number + 1;
    const id = (index: number): string => `${this.#producer}:${number}:${index}`;
    await this.write([
      { messageOpened: { role: "MESSAGE_ROLE_USER", parentId: [...this.state.messages.keys()].at(-1) ?? "" } },
      { partOpened: { messageId: id(0), part: { kind: "PART_KIND_TEXT", text }, complete: true } },
      { messageClosed: { messageId: id(0) } },
      { runRequested: { agent, inputMessageId: id(0), ...more } },
    ]);
    return id(3);
  }

  /** The next id that an event of this person's would have. */
  nextId(index = 0): string {
    return `${this.#producer}:${this.#number + 1}:${index}`;
  }

  /** Settles when the state is as `test` says: now, or after a record. */
  async until<T>(test: (state: SessionState) => T | undefined | false): Promise<T> {
    const now = test(this.state);
    if (now !== undefined && now !== false) return now;
    const seen = Promise.withResolvers<T>();
    const listener = (): void => {
      const value = test(this.state);
      if (value === undefined || value === false) return;
      this.#listeners.delete(listener);
      seen.resolve(value);
    };
    this.#listeners.add(listener);
    return seen.promise;
  }

  onAccepted(listener: (accepted: Accepted) => void): void {
    this.#listeners.add(listener);
  }

  /** How the run ended; it may have left the current state with that. */
  runEnded(runId: string): Promise<string> {
    return this.until(() => this.#ended.get(runId));
  }

  /** What the agents said, as text. */
  get said(): string {
    return this.messages
      .filter(({ role }) => role === "MESSAGE_ROLE_ASSISTANT")
      .flatMap(({ parts = [] }) => parts)
      .filter(({ part }) => part?.kind === "PART_KIND_TEXT")
      .map(({ part }) => part?.text ?? "")
      .join("");
  }

  get messages(): readonly MessageStateJson[] {
    return project(this.state, "all").messages ?? [];
  }
}
