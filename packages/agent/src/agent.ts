import { randomUUID } from "node:crypto";
import { PerdureError } from "@perdure/core";
import type { AgentOffer, AgentRefused, AgentRunStarted, AgentWelcome } from "@perdure/protocol";
import type { Clock } from "./clock.ts";
import { refusal } from "./errors.ts";
import type { Heartbeat } from "./heartbeat/heartbeat.ts";
import { Connection } from "./link/connection.ts";
import type { NodeMessage } from "./link/node-messages.ts";
import type { PageSource } from "./link/past.ts";
import { Sessions } from "./link/sessions.ts";
import type { Transport } from "./link/transport.ts";
import type { Logger } from "./logger.ts";
import { Attempt } from "./run/attempt.ts";
import type { RunHandler } from "./run/attempt.ts";

/** What an agent is made of; `connectAgent` fills in the real ones. */
export interface AgentParts {
  readonly name: string;
  readonly capacity: number;
  readonly description: string;
  /** Unique per start of the process. */
  readonly instance: string | undefined;
  readonly url: string;
  readonly ca: string | undefined;
  getToken(): string | Promise<string>;
  readonly transport: Transport;
  readonly pages: PageSource;
  readonly heartbeat: Heartbeat;
  readonly clock: Clock;
  random(): number;
  readonly logger: Logger;
}

export interface CloseOptions {
  /** How long runs may take to end before they are left to others, in milliseconds; default 30,000. */
  readonly drainMs?: number;
}

const DRAIN_MS = 30_000;
const GOODBYE_MS = 2_000;
const CLIENT = "perdure-agent-js/0.1.0";

/** Name of a run over all sessions. */
const keyOf = (session: string, runId: string): string => `${session} ${runId}`;

/** A process that works as an agent: takes runs of its pool, up to its capacity, and does them. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #connection: Connection;
  readonly #sessions: Sessions;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #attempts = new Map<string, Attempt>();
  /** Runs whose acceptance is not known yet. */
  readonly #accepting = new Map<string, AgentOffer>();
  #offersBeforeServe: AgentOffer[] = [];
  #handler: RunHandler | undefined;
  #instance: string;
  #phase: "connecting" | "open" | "draining" | "closed" = "connecting";
  #idle: (() => void) | undefined;
  /** A session holds this instance for crashed: it takes nothing new, and goes on as another when its runs have ended. */
  #condemned = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#instance = parts.instance ?? randomUUID();
    this.#opened.promise.catch(() => undefined);
    this.#connection = new Connection({
      ...parts,
      hello: () => ({
        agent: parts.name,
        instance: this.#instance,
        capacity: this.#takesRuns ? parts.capacity : 0,
        description: parts.description,
        client: CLIENT,
      }),
      getToken: () => parts.getToken(),
      random: () => parts.random(),
      onOpen: (welcome, token) => this.#open(welcome, token),
      onRenewed: (token) => parts.heartbeat.renew(token),
      onMessage: (message) => this.#heard(message),
      onDown: () => this.#sessions.disconnected(),
      onTrouble: (error) => this.#trouble(error),
    });
    this.#sessions = new Sessions({
      connection: this.#connection,
      clock: parts.clock,
      pages: parts.pages,
      random: () => parts.random(),
      newProducer: () => `${this.#instance}-${randomUUID().slice(0, 8)}`,
    });
  }

  /** The process as the sessions know it; another one after a loss that was longer than the grace time. */
  get instance(): string {
    return this.#instance;
  }

  /** Settles when a node has answered. Throws PerdureError where it never will: token, protocol version, name. */
  async connect(): Promise<void> {
    this.#connection.start();
    await this.#opened.promise;
  }

  /** Does the runs of the pool with `handler`, entered again for each attempt. Settles when the agent is closed. */
  async serve(handler: RunHandler): Promise<void> {
    this.#handler = handler;
    for (const offer of this.#offersBeforeServe.splice(0)) this.#offered(offer);
    await this.#closed.promise;
  }

  /** Takes no more runs, lets those at work end, and leaves. */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#phase === "closed") return;
    this.#phase = "draining";
    this.#connection.send({ case: "drain", value: {} });
    for (const offer of this.#offersBeforeServe.splice(0)) this.#decline(offer);
    await this.#idleWithin(options.drainMs ?? DRAIN_MS);
    this.#phase = "closed";
    this.#abandonAll(new PerdureError("closed", "the agent was closed"));
    await this.#connection.end(GOODBYE_MS);
    this.#sessions.close();
    await this.#parts.heartbeat.stop();
    this.#opened.reject(new PerdureError("closed", "the agent was closed"));
    this.#closed.resolve();
  }

  #open(welcome: AgentWelcome, token: string): void {
    if (this.#phase === "connecting") this.#phase = "open";
    const url = welcome.heartbeatUrl === "" ? this.#parts.url : welcome.heartbeatUrl;
    const everyMs = welcome.heartbeatMs;
    this.#parts.heartbeat.beat({ url, instance: this.#instance, everyMs, token, ca: this.#parts.ca });
    this.#sessions.connected(welcome);
    for (const { session, runId } of this.#accepting.values()) this.#accept(session, runId);
    this.#opened.resolve();
  }

  #heard(message: NodeMessage): void {
    switch (message.case) {
      case "offer":
        this.#offered(message.value);
        return;
      case "runStarted":
        this.#started(message.value);
        return;
      case "refused":
        this.#refused(message.value);
        return;
      default:
        this.#sessions.heard(message);
    }
  }

  get #takesRuns(): boolean {
    return this.#phase !== "draining" && this.#phase !== "closed" && !this.#condemned;
  }

  #offered(offer: AgentOffer): void {
    if (!this.#takesRuns) this.#decline(offer);
    else if (this.#handler === undefined) this.#offersBeforeServe.push(offer);
    else {
      // The pool minds the capacity.
      this.#accepting.set(keyOf(offer.session, offer.runId), offer);
      this.#accept(offer.session, offer.runId);
    }
  }

  #accept(session: string, runId: string): void {
    this.#connection.send({ case: "acceptOffer", value: { session, runId } });
  }

  #decline({ session, runId }: AgentOffer): void {
    this.#connection.send({ case: "declineOffer", value: { session, runId } });
  }

  #started({ session, runId, attempt: number }: AgentRunStarted): void {
    const key = keyOf(session, runId);
    const handler = this.#handler;
    const link = this.#sessions.get(session);
    if (!this.#accepting.delete(key) || handler === undefined || link === undefined) return;
    // The pool may offer again what it has not heard to be taken yet.
    if (this.#attempts.get(key)?.number === number) return;
    const { logger } = this.#parts;
    const attempt = new Attempt({ link, runId, attempt: number, logger });
    this.#attempts.set(key, attempt);
    const release = this.#sessions.use(session);
    logger.info({ session, run: runId, attempt: number }, "a run begins");
    void attempt.execute(handler).finally(() => {
      if (this.#attempts.get(key) === attempt) this.#attempts.delete(key);
      release();
      this.#checkIdle();
    });
  }

  #refused(message: AgentRefused): void {
    const { session, runId, code, retryAfterMs } = message;
    if (code === "fenced" && runId === "") {
      this.#becomeAnother(refusal(code));
      this.#connection.restart();
    } else if (runId !== "" && code === "rules_too_new") this.#connection.moveAfter(retryAfterMs);
    else if (runId !== "" && retryAfterMs > 0) {
      this.#parts.clock.after(retryAfterMs, () => {
        if (this.#accepting.has(keyOf(session, runId))) this.#accept(session, runId);
      });
    } else if (runId !== "") {
      this.#parts.logger.info({ session, run: runId, code }, "a run went to another");
      this.#accepting.delete(keyOf(session, runId));
      this.#sessions.releaseUnused(session);
      if (code === "fenced") this.#condemn();
      this.#checkIdle();
    } else if (session !== "") this.#sessions.refused(message);
    else this.#parts.logger.warn({ code }, message.message);
  }

  /**
   * Its former node died, say, while nothing was to be done in that session, and it was not missed elsewhere: the pool would
   * offer it the same run again and again. What it works on is not void.
   */
  #condemn(): void {
    if (this.#condemned) return;
    this.#condemned = true;
    this.#parts.logger.warn(
      { instance: this.#instance },
      "crashed in the eyes of a session; takes no more runs as this",
    );
    this.#connection.send({ case: "drain", value: {} });
  }

  /** The sessions hold this instance for crashed: whatever it still does is void, and it goes on as another. */
  #becomeAnother(reason: PerdureError): void {
    const former = this.#instance;
    this.#instance = randomUUID();
    this.#condemned = false;
    this.#parts.logger.warn(
      { former, instance: this.#instance },
      "lost for longer than the grace time; goes on as another instance",
    );
    this.#accepting.clear();
    this.#offersBeforeServe = [];
    this.#abandonAll(reason);
    this.#sessions.breakAll(reason);
  }

  #trouble(error: PerdureError): boolean {
    if (this.#phase === "closed") return false;
    if (error.code === "fenced") this.#becomeAnother(error);
    const hopeless = ["unauthenticated", "forbidden", "protocol_version", "invalid_name", "malformed"].includes(
      error.code,
    );
    // An agent that has worked goes on trying: keys are rotated, and nodes are mended.
    if (this.#phase !== "connecting" || !hopeless) return true;
    this.#opened.reject(error);
    return false;
  }

  #abandonAll(reason: PerdureError): void {
    for (const attempt of this.#attempts.values()) attempt.abandon(reason);
  }

  async #idleWithin(drainMs: number): Promise<void> {
    if (this.#attempts.size + this.#accepting.size === 0) return;
    const waiting = Promise.withResolvers<void>();
    this.#idle = () => waiting.resolve();
    const cancel = this.#parts.clock.after(drainMs, () => waiting.resolve());
    await waiting.promise;
    cancel();
  }

  #checkIdle(): void {
    if (this.#attempts.size + this.#accepting.size > 0) return;
    this.#idle?.();
    if (!this.#condemned || this.#phase !== "open") return;
    this.#becomeAnother(refusal("fenced"));
    this.#connection.restart();
  }
}
