import { PerdureError } from "@perdure/client";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startEdge, type Edge, type EdgeOptions } from "@perdure/edge";
import { type Keeper, type KeeperOptions, startKeeper } from "@perdure/keeper";
import type { Log } from "@perdure/log";
import { openEmbeddedLog } from "@perdure/log-embedded";
import type { ActorJson, EventJson, RecordJson } from "@perdure/protocol";
import { createReplica, type HeldSession, type Replica, type ReplicaLimits, topicSpecs } from "@perdure/replica";
import { createLogger, createMetrics, createVerifier, mintToken, type TokenClaims } from "@perdure/service-kit";

export const PARTITIONS = 2;
export const TENANT = "acme";
const SECRET = "a secret that is only used by these tests, and long enough";

/** A log in a folder of its own, an edge on it, and whatever else a test asks for. */
export class World {
  readonly log: Log;
  readonly replica: Replica;
  readonly #dir: string;
  readonly #edges: Edge[] = [];
  readonly #keepers: Keeper[] = [];
  readonly #replicas: Replica[] = [];
  #nodes = 0;

  private constructor(log: Log, dir: string) {
    this.log = log;
    this.#dir = dir;
    this.replica = this.freshReplica();
  }

  static async open(): Promise<World> {
    const dir = await mkdtemp(path.join(tmpdir(), "perdure-edge-"));
    return World.on(await openEmbeddedLog({ dir }), dir);
  }

  /** On a log of another kind; `dir` goes with the world. */
  static async on(log: Log, dir: string): Promise<World> {
    await log.provision(topicSpecs(PARTITIONS));
    return new World(log, dir);
  }

  /** A replica of its own, as a node that has just started has it. */
  freshReplica(limits: Partial<ReplicaLimits> = {}): Replica {
    const replica = createReplica({ log: this.log, partitions: PARTITIONS, logger: quiet, limits });
    this.#replicas.push(replica);
    return replica;
  }

  async edge(
    options: Partial<Omit<EdgeOptions, "config">> & { readonly config?: Partial<EdgeOptions["config"]> } = {},
  ): Promise<Edge> {
    this.#nodes += 1;
    const node = `edge-${this.#nodes}`;
    const edge = await startEdge({
      log: this.log,
      partitions: PARTITIONS,
      verifier: createVerifier({ keys: { kind: "secret", secret: SECRET } }),
      logger: quiet,
      metrics: createMetrics({ service: "edge", node }),
      onReplaced: () => undefined,
      ...options,
      config: {
        node,
        host: "127.0.0.1",
        port: 0,
        leaseMs: 6_000,
        beatMs: 2_000,
        allowedOrigins: [],
        allowedHosts: ["127.0.0.1", "localhost"],
        ...options.config,
      },
    });
    this.#edges.push(edge);
    return edge;
  }

  /** A keeper that covers what happens at once. `log`: as another process has it. */
  async keeper(settings: Partial<KeeperOptions["config"]> = {}, log = this.log): Promise<Keeper> {
    this.#nodes += 1;
    const config = { node: `keeper-${this.#nodes}`, partitions: PARTITIONS, checkpointMs: 20, ...settings };
    const keeper = await startKeeper({ log, logger: quiet, config });
    this.#keepers.push(keeper);
    return keeper;
  }

  async close(): Promise<void> {
    for (const keeper of this.#keepers) await keeper.stop();
    for (const edge of this.#edges) await edge.stop();
    for (const replica of this.#replicas) await replica.close();
    await this.log.close();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

export const quiet = createLogger({ service: "edge", node: "test", level: "silent" });

/** Of an edge, or of a proxy before it. */
export const urlOf = ({ port }: { readonly port: number }): string => `ws://127.0.0.1:${port}/v1/connect`;

export function token(claims: Partial<TokenClaims> = {}, ttlMs = 600_000): Promise<string> {
  const defaults = { participant: "ann", tenant: TENANT, role: "user", sessions: ["*"], mayCreate: true } as const;
  return mintToken(SECRET, { ...defaults, ...claims }, ttlMs);
}

/** Writes into a session as somebody, and waits for each verdict. */
export class Writer {
  readonly held: HeldSession;
  readonly #actor: ActorJson;
  readonly #producer: string;
  #number = 0;

  constructor(held: HeldSession, actor: ActorJson, producer: string) {
    this.held = held;
    this.#actor = { tenant: TENANT, ...actor };
    this.#producer = producer;
  }

  /** Answers the id that the event at `index` makes. Throws where the record was refused. */
  async write(events: EventJson[], more: Pick<RecordJson, "attempt" | "audience"> = {}) {
    this.#number += 1;
    const number = this.#number;
    const record = {
      producer: this.#producer,
      first: number,
      last: number,
      born: 0,
      actor: this.#actor,
      events,
      ...more,
    };
    const verdict = await this.held.publish(record).applied;
    if (verdict.kind !== "accepted") throw new Error(JSON.stringify(verdict));
    return { seq: verdict.seq, idOf: (index: number) => `${this.#producer}:${number}:${index}` };
  }

  /** A message that is closed at once; answers its id. */
  async say(text: string): Promise<string> {
    const { idOf } = await this.write([{ messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } }]);
    const messageId = idOf(0);
    await this.write([
      { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text }, complete: true } },
      { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
    ]);
    return messageId;
  }
}

/** An agent's side of a session, by the log alone: joins, takes a run, streams text. */
export class StubAgent {
  readonly #writer: Writer;
  #attempt = 0;
  #runId = "";
  #messageId = "";
  #partId = "";
  #length = 0;

  private constructor(writer: Writer) {
    this.#writer = writer;
  }

  static async join(world: World, session: string): Promise<StubAgent> {
    const held = await world.replica.attach(`${TENANT}/${session}`, ignore);
    const instance = `stub-${crypto.randomUUID().slice(0, 8)}`;
    const writer = new Writer(held, { participant: "robot", role: "ROLE_AGENT", instance }, `agent-${instance}`);
    await writer.write([{ agentJoined: { agent: "helper", instance, attachment: "a", node: "n", incarnation: 1 } }]);
    return new StubAgent(writer);
  }

  get runId(): string {
    return this.#runId;
  }

  /** Of the message that it has opened last. */
  get messageId(): string {
    return this.#messageId;
  }

  get #instance(): string {
    return [...this.#writer.held.state.agents.values()].at(-1)?.instance ?? "";
  }

  /** Takes the newest run. */
  async accept(): Promise<void> {
    const run = [...this.#writer.held.state.runs.values()].at(-1);
    this.#runId = run?.id ?? "";
    const accepted = { runId: this.#runId, instance: this.#instance };
    this.#attempt = (await this.#writer.write([{ runAccepted: accepted }])).seq;
  }

  async open(): Promise<void> {
    const messageOpened = { role: "MESSAGE_ROLE_ASSISTANT", runId: this.#runId } as const;
    this.#messageId = (await this.#write({ messageOpened })).idOf(0);
    const partOpened = { messageId: this.#messageId, part: { kind: "PART_KIND_TEXT" } } as const;
    this.#partId = (await this.#write({ partOpened })).idOf(0);
    this.#length = 0;
  }

  async say(text: string): Promise<void> {
    await this.#write({ partAppended: { partId: this.#partId, at: this.#length, text } });
    this.#length += text.length;
  }

  /** Changes what the open message says of itself. */
  async note(metadata: string): Promise<void> {
    await this.#write({ messageUpdated: { messageId: this.#messageId, metadata } });
  }

  async close(): Promise<void> {
    await this.#write({ messageClosed: { messageId: this.#messageId, finish: "FINISH_REASON_STOP" } });
  }

  async complete(): Promise<void> {
    await this.#write({ runCompleted: { runId: this.#runId } });
  }

  async finish(): Promise<void> {
    await this.close();
    await this.complete();
  }

  /** Answers a control signal. */
  async receipt(controlId: string, state: "RECEIPT_STATE_APPLIED" | "RECEIPT_STATE_REFUSED", code = ""): Promise<void> {
    await this.#write({ controlReceipt: { controlId, state, code } });
  }

  async ask(title: string, choices: readonly string[]): Promise<string> {
    const requestOpened = {
      runId: this.#runId,
      kind: "REQUEST_KIND_CHOICE",
      title,
      choices: choices.map((value) => ({ value, label: value })),
    } as const;
    return (await this.#write({ requestOpened })).idOf(0);
  }

  get state() {
    return this.#writer.held.state;
  }

  #write(event: EventJson) {
    return this.#writer.write([event], { attempt: this.#attempt });
  }
}

const ignore = { onAccepted: () => undefined, onLost: () => undefined };

/** What became of a send: `applied`, or the code of its refusal. */
export const codeOf = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => "applied",
    (error: unknown) => (error instanceof PerdureError ? error.code : error),
  );
