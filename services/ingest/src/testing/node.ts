// An ingest node on an embedded log in a temporary folder, with a clock that the test moves.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Accepted, SessionState, Verdict } from "@perdure/core";
import type { Log } from "@perdure/log";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { type ActorJson, type AudienceJson, encodeNodeLease, type EventJson, keyBytes } from "@perdure/protocol";
import { createReplica, type HeldSession, type Replica, TOPICS, topicSpecs } from "@perdure/replica";
import { ManualClock } from "@perdure/replica/testing";
import { createLogger, createMetrics, mintToken, type TokenClaims } from "@perdure/service-kit";
import { CountingReplica } from "./counting-replica.ts";
import { type Ingest, startIngest } from "../ingest.ts";
import type { IngestLimits } from "../limits.ts";

const SECRET = "a secret of thirty-two bytes or more";
export const TENANT = "acme";
const PARTITIONS = 1;

const logger = createLogger({ service: "test", node: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });

/** As a process that was stopped for a while: it finds the time further on than its timers. */
class StoppableClock extends ManualClock {
  stoppedMs = 0;

  override now(): number {
    return super.now() + this.stoppedMs;
  }
}

export class TestNode {
  readonly clock: StoppableClock;
  readonly log: Log;
  readonly replica: CountingReplica;
  readonly ingest: Ingest;
  readonly #dir: string;

  static async start(
    limits: Partial<IngestLimits> = {},
    { port = 0, entryBytes }: { port?: number; entryBytes?: number } = {},
  ): Promise<TestNode> {
    const dir = mkdtempSync(join(tmpdir(), "perdure-ingest-"));
    const log = await openEmbeddedLog({ dir, ...(entryBytes !== undefined && { limits: { entryBytes } }) });
    await log.provision(topicSpecs(PARTITIONS));
    const replica = new CountingReplica(createReplica({ log, partitions: PARTITIONS, logger }));
    const clock = new StoppableClock(Date.now());
    const metrics = createMetrics({ service: "ingest", node: "ingest-1" });
    const config = {
      node: "ingest-1",
      host: "127.0.0.1",
      port,
      partitions: PARTITIONS,
      tls: undefined,
      advertisedUrl: "",
      auth: { keys: { kind: "secret", secret: SECRET } },
      leaseMs: 6_000,
      beatMs: 2_000,
    } as const;
    try {
      const ingest = await startIngest({ log, replica, logger, metrics, clock, limits, config });
      return new TestNode({ dir, log, replica, ingest, clock });
    } catch (error) {
      await replica.close();
      await log.close();
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(parts: {
    dir: string;
    log: Log;
    replica: CountingReplica;
    ingest: Ingest;
    clock: StoppableClock;
  }) {
    this.#dir = parts.dir;
    this.log = parts.log;
    this.replica = parts.replica;
    this.ingest = parts.ingest;
    this.clock = parts.clock;
  }

  get address(): string {
    return `127.0.0.1:${this.ingest.port}`;
  }

  async stop(): Promise<void> {
    const stopping = this.ingest.stop();
    // What waits for time at the end waits for this clock.
    const moving = setInterval(() => this.clock.advance(1_000), 10);
    await stopping;
    clearInterval(moving);
    await this.replica.close();
    await this.log.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  token(claims: Partial<TokenClaims> = {}, ttlMs = 60_000): Promise<string> {
    const agent = { participant: "bot", tenant: TENANT, role: "agent", sessions: ["*"] } as const;
    return mintToken(SECRET, { ...agent, ...claims }, ttlMs, this.clock.now());
  }

  /** Ends a life of a node, as the keeper in charge does. */
  async expireLease(name: string, incarnation: number): Promise<void> {
    const lease = { node: name, incarnation, state: "NODE_LEASE_STATE_EXPIRED" } as const;
    await this.log.append(TOPICS.nodes, 0, { key: keyBytes(name), value: encodeNodeLease(lease) });
  }

  /** Declares an instance crashed, as a keeper does; again and again until the log's time has come. */
  async crash(session: string, instance: string, causeSeq: number): Promise<void> {
    const held = await this.replica.attach(`${TENANT}/${session}`, {
      onAccepted: () => undefined,
      onLost: () => undefined,
    });
    const actor: ActorJson = { tenant: TENANT, participant: "keeper", role: "ROLE_SYSTEM" };
    const producer = randomUUID();
    for (let number = 1; ; number += 1) {
      const own = { producer, first: number, last: number, born: held.state.seq, cause: { seq: causeSeq } };
      const { applied } = held.publish({ ...own, actor, events: [{ agentCrashed: { instance } }] });
      const verdict = await applied;
      if (verdict.kind === "accepted") break;
      if (verdict.kind !== "rejected" || verdict.code !== "not_due") throw new Error(JSON.stringify(verdict));
    }
    held.detach();
  }

  /** Somebody who writes in a session and sees it; begins it where it is not there. */
  async watch(session: string): Promise<Watcher> {
    const watcher = await Watcher.attach(this.replica, `${TENANT}/${session}`);
    if (watcher.state.epoch === undefined) await watcher.write([{ sessionCreated: {} }]);
    return watcher;
  }
}

export class Watcher {
  readonly #held: HeldSession;
  readonly #listeners: Set<() => void>;
  readonly accepted: readonly Accepted[];
  readonly #producer = randomUUID();
  readonly #numbers = new Map<string, number>();

  static async attach(replica: Replica, key: string): Promise<Watcher> {
    const listeners = new Set<() => void>();
    const seen: Accepted[] = [];
    const held = await replica.attach(key, {
      onAccepted: (accepted) => {
        seen.push(accepted);
        for (const listener of [...listeners]) listener();
      },
      onLost: () => undefined,
    });
    return new Watcher(held, listeners, seen);
  }

  private constructor(held: HeldSession, listeners: Set<() => void>, seen: readonly Accepted[]) {
    this.#held = held;
    this.#listeners = listeners;
    this.accepted = seen;
  }

  get state(): SessionState {
    return this.#held.state;
  }

  /** `causeSeq`: of derived events. */
  async write(
    events: EventJson[],
    actor: Partial<ActorJson> = {},
    causeSeq?: number,
    audience?: AudienceJson,
  ): Promise<{ verdict: Verdict; id: string }> {
    const full: ActorJson = { tenant: TENANT, participant: "ann", role: "ROLE_USER", ...actor };
    const producer = `${this.#producer}-${full.participant}`;
    const number = (this.#numbers.get(producer) ?? 0) + 1;
    this.#numbers.set(producer, number);
    const own = { producer, first: number, last: number, born: this.state.seq };
    const more = { ...(causeSeq !== undefined && { cause: { seq: causeSeq } }), ...(audience && { audience }) };
    const { stored, applied } = this.#held.publish({ ...own, ...more, actor: full, events });
    await stored;
    const verdict = await applied;
    if (verdict.kind !== "accepted") throw new Error(`refused: ${JSON.stringify(verdict)}`);
    return { verdict, id: `${producer}:${number}:0` };
  }

  /** Settles when the state is as `test` says: now, or after a record. */
  async until<T>(test: (state: SessionState) => T | undefined | false): Promise<T> {
    for (;;) {
      const value = test(this.state);
      if (value !== undefined && value !== false) return value;
      await new Promise<void>((resolve) => {
        const listener = (): void => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }
}
