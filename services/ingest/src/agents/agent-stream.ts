import { type Code, PerdureError } from "@perdure/core";
import {
  type AgentAcceptOffer,
  type AgentHello,
  type ConnectRequest,
  ConnectRequestSchema,
  decodePublish,
  type LostReasonJson,
  type Publish,
  messagesIn,
} from "@perdure/protocol";
import { type Grant, renewedGrant } from "@perdure/service-kit";
import { decode } from "../grpc/methods.ts";
import { MISSED_BEATS } from "../limits.ts";
import { refusalOf } from "../refusal.ts";
import type { AgentDeps } from "./deps.ts";
import { identify } from "./hello.ts";
import type { AgentIdentity } from "./identity.ts";
import type { Outgoing } from "./outgoing.ts";
import { PoolMembership } from "./pool.ts";
import { whenSilent } from "./silence.ts";
import { StreamSessions } from "./stream-sessions.ts";
import { recordJson, refusalMessage } from "./wire.ts";

/** The call that carries a stream, as far as a stream needs it. */
export interface StreamCall {
  /** No more messages for now: the agent's own writing waits. */
  pause(): void;
  resume(): void;
  /** Ends the call; with an error: as a refusal. */
  end(error?: PerdureError): void;
}

export interface AgentStreamOptions {
  readonly deps: AgentDeps;
  readonly grant: Grant;
  readonly call: StreamCall;
  readonly outgoing: Outgoing;
  /** Unique among all streams. */
  readonly attachment: string;
  /** The stream has said who it is. */
  onHello(stream: AgentStream): void;
  /** The stream is over, and everybody who has to know that knows. */
  onGone(stream: AgentStream): void;
}

const REASON_LENGTH = 256;
/** Refusals, by its session, of a run that nobody can take any more. */
const NEVER_TAKEN: ReadonlySet<Code> = new Set<Code>(["run_ended", "archived", "not_found", "session_closed"]);
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What one open stream has besides its call. */
interface Open {
  readonly agent: AgentIdentity;
  readonly sessions: StreamSessions;
  readonly pool: PoolMembership | undefined;
}

/** One agent's stream: from hello to its end, in good order or not. */
export class AgentStream {
  readonly #options: AgentStreamOptions;
  #grant: Grant;
  #open: Open | undefined;
  #renewalCount = 0;
  #unansweredBytes = 0;
  #busy = false;
  #moved = false;
  readonly #hurried = Promise.withResolvers<void>();
  #over = false;
  readonly #cancelHello: () => void;
  #cancelExpiry: () => void = () => undefined;
  #cancelSilence: () => void = () => undefined;

  constructor(options: AgentStreamOptions) {
    const { deps, grant } = options;
    this.#options = options;
    this.#grant = grant;
    this.#expireWithToken();
    const { helloMs } = deps.limits;
    this.#cancelHello = this.#whenSilent(helloMs, () =>
      this.close(new PerdureError("idle_timeout", `no hello came within ${helloMs} ms: connect again`)),
    );
  }

  /** Who it is; undefined before its hello. */
  get agent(): AgentIdentity | undefined {
    return this.#open?.agent;
  }

  /** Takes one message, or several in one. */
  receive(bytes: Uint8Array): void {
    try {
      for (const request of messagesIn("requests", bytes)) this.#receive(request);
    } catch (error) {
      this.close(refusalOf(error));
    }
  }

  #receive(bytes: Uint8Array): void {
    if (this.#over) return;
    const publish = this.#open && decodePublish(bytes);
    if (publish === undefined) this.#take(decode(ConnectRequestSchema, bytes), bytes.byteLength);
    else this.#publish(publish, bytes.byteLength);
  }

  /** The connection broke. */
  async broken(): Promise<void> {
    if (this.#finish("connection_lost")) await this.#lose("LOST_REASON_STREAM");
  }

  /** Ends the stream with a refusal; its agent may come back with another. */
  close(error: PerdureError, reason: LostReasonJson = "LOST_REASON_STREAM"): void {
    if (!this.#finish(error.code)) return;
    this.#options.call.end(error);
    void this.#lose(reason);
  }

  /** A heartbeat has come, with how long the main loop is behind. */
  beat(loopDelayMs: number): void {
    if (this.#over) return;
    this.#watchSilence();
    this.#open?.sessions.announceMissed();
    this.#open?.pool?.announceIfMissed();
    const busy = loopDelayMs >= this.#options.deps.limits.busyMs;
    if (busy === this.#busy || this.#open === undefined) return;
    this.#busy = busy;
    const { instance } = this.#open.agent;
    this.#open.sessions.writeAll({ agentBusy: { instance, delayMs: busy ? loopDelayMs : 0 } });
  }

  /** Asks the agent to go to another node. */
  move(withinMs: number): void {
    this.#moved = true;
    this.#options.outgoing.send({ case: "move", value: { withinMs } });
  }

  /** The node cannot wait for agents that are on their way to another. */
  hurry(): void {
    this.#hurried.resolve();
  }

  /** The node begins another life: the agent is here again. */
  announce(): void {
    this.#open?.sessions.announceAll();
    this.#open?.pool?.announce();
  }

  #take({ kind }: ConnectRequest, bytes: number): void {
    if (kind.case === "hello") {
      this.#hello(kind.value);
      return;
    }
    const open = this.#open;
    if (open === undefined) throw new PerdureError("hello_expected", "say hello first");
    switch (kind.case) {
      case "publish": {
        const { session, record } = kind.value;
        if (record === undefined) this.#refuseEmpty(session);
        else this.#publish({ session, record: recordJson(record) }, bytes);
        return;
      }
      case "join":
        void this.#answer(bytes, () => open.sessions.join(kind.value.session));
        return;
      case "detach":
        void open.sessions.leave(kind.value.session, "");
        return;
      case "acceptOffer":
        void this.#answer(bytes, () => this.#accept(open, kind.value));
        return;
      case "declineOffer":
        void open.pool?.giveBack(kind.value.session, kind.value.runId);
        return;
      case "drain":
        void open.pool?.leave("drain");
        return;
      case "leave":
        void this.#leave(kind.value.reason);
        return;
      case "auth":
        void this.#renew(kind.value.token);
        return;
      case "batch":
        throw new PerdureError("malformed", "a batch of requests holds no other batch");
      case undefined:
        throw new PerdureError("unknown_frame", "the message has no kind that this node knows");
    }
  }

  #refuseEmpty(session: string): void {
    const error = new PerdureError("invalid_record", "there is no record in this message");
    this.#options.outgoing.send({ case: "verdict", value: refusalMessage(session, {}, error) });
  }

  #publish(publish: Publish, bytes: number): void {
    const sessions = this.#open?.sessions;
    if (sessions !== undefined) void this.#answer(bytes, () => sessions.publish(publish));
  }

  /** Holds the agent back while more than its window is unanswered. */
  async #answer(bytes: number, work: () => Promise<void>): Promise<void> {
    this.#unansweredBytes += bytes;
    this.#throttle();
    try {
      await work();
    } catch (error) {
      this.#options.deps.logger.error({ err: error }, "a message of an agent could not be answered");
      this.close(refusalOf(error));
    }
    this.#unansweredBytes -= bytes;
    this.#throttle();
  }

  #throttle(): void {
    const { call, outgoing, deps } = this.#options;
    const { windowBytes, maxOutgoingBytes } = deps.limits;
    // Who does not read is not read from either, long before it is cut off.
    const full = this.#unansweredBytes > windowBytes || outgoing.waitingBytes > maxOutgoingBytes / 2;
    if (full) call.pause();
    else if (this.#open !== undefined) call.resume();
  }

  #hello(hello: AgentHello): void {
    if (this.#open !== undefined) throw new PerdureError("malformed", "hello was said already");
    const agent = identify(hello, this.#grant, this.#options.attachment);
    const { deps, outgoing } = this.#options;
    this.#cancelHello();
    this.#options.call.pause();
    const pool =
      agent.capacity === 0
        ? undefined
        : new PoolMembership({
            deps,
            agent,
            onOffer: (offer) => outgoing.send({ case: "offer", value: offer }),
            onRefused: (error) => this.close(error),
          });
    const allows = (session: string): boolean => this.#grant.allows(session) || pool?.offers(session) === true;
    const onElsewhere = (): void => {
      this.#moved = true;
    };
    this.#open = { agent, pool, sessions: new StreamSessions({ deps, agent, outgoing, allows, onElsewhere }) };
    this.#options.onHello(this);
    void this.#begin(this.#open);
  }

  async #begin({ agent, pool }: Open): Promise<void> {
    const { deps, outgoing, call, attachment } = this.#options;
    const { heartbeatMs, graceMs, windowBytes, maxMessageBytes } = deps.limits;
    try {
      await pool?.enter();
    } catch (error) {
      this.close(refusalOf(error));
      return;
    }
    if (this.#over) return;
    const { tenant, participant } = agent;
    outgoing.send({
      case: "welcome",
      value: {
        attachment,
        node: deps.node.name,
        heartbeatMs,
        graceMs,
        windowBytes,
        maxMessageBytes,
        tenant,
        participant,
        heartbeatUrl: deps.advertisedUrl,
        tokenExpiresInMs: this.#tokenLeftMs(),
      },
    });
    this.#watchSilence();
    pool?.listen();
    call.resume();
  }

  async #accept({ sessions, pool, agent }: Open, { session, runId }: AgentAcceptOffer): Promise<void> {
    try {
      const joined = await sessions.enter(session);
      const { state } = joined.held;
      const run = state.runs.get(runId);
      const mine = run !== undefined && run.instance === agent.instance && state.attempts.get(run.attempt) === run;
      const { instance } = agent;
      const audience = run?.audience ?? "AUDIENCE_ALL";
      const events = [{ runAccepted: { runId, instance } }];
      const verdict = mine ? undefined : await joined.write(() => ({ events, audience }));
      pool?.settled(session, runId);
      const attempt = verdict?.seq ?? run?.attempt ?? 0;
      this.#options.outgoing.send({ case: "runStarted", value: { session, runId, attempt } });
    } catch (error) {
      sessions.refuse(session, error, runId);
      // Else the offer stands until its time is over: given back, it would be made again at once, and go wrong again.
      if (NEVER_TAKEN.has(refusalOf(error).code)) await pool?.free(session, runId);
    }
  }

  /** A later token takes the place of one that is not judged yet. */
  async #renew(token: string): Promise<void> {
    this.#renewalCount += 1;
    const { verifier, clock } = this.#options.deps;
    const count = this.#renewalCount;
    const isWanted = (): boolean => !this.#over && count === this.#renewalCount;
    try {
      const grant = await renewedGrant({ verifier, clock, former: this.#grant, token, isWanted });
      if (grant === undefined) return;
      this.#grant = grant;
      this.#expireWithToken();
      this.#options.outgoing.send({ case: "renewed", value: { tokenExpiresInMs: this.#tokenLeftMs() } });
    } catch (error) {
      this.close(refusalOf(error));
    }
  }

  /** The agent said goodbye: it has left every session. */
  async #leave(reason: string): Promise<void> {
    if (!this.#finish("ok")) return;
    const why = reason.slice(0, REASON_LENGTH);
    await Promise.all([this.#open?.sessions.leaveAll(why), this.#open?.pool?.leave(why)]);
    this.#options.call.end();
    this.#options.onGone(this);
  }

  #tokenLeftMs(): number {
    return Math.min(Math.max(0, Math.floor(this.#grant.expiresMs - this.#options.deps.clock.now())), MAX_TIMER_MS);
  }

  #expireWithToken(): void {
    this.#cancelExpiry();
    this.#cancelExpiry = this.#options.deps.clock.after(this.#tokenLeftMs(), () =>
      this.close(new PerdureError("token_expired", "the token has ended: connect again with a new one")),
    );
  }

  #watchSilence(): void {
    this.#cancelSilence();
    this.#cancelSilence = this.#whenSilent(this.#options.deps.limits.heartbeatMs * MISSED_BEATS, () =>
      this.close(new PerdureError("idle_timeout", `${MISSED_BEATS} heartbeats were missed`), "LOST_REASON_SILENT"),
    );
  }

  #whenSilent(waitMs: number, onSilent: () => void): () => void {
    const { clock, limits } = this.#options.deps;
    return whenSilent({ clock, waitMs, againMs: limits.heartbeatMs }, onSilent);
  }

  /** True, once: what else has to be done at the end is the caller's. */
  #finish(code: string): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#cancelHello();
    this.#cancelExpiry();
    this.#cancelSilence();
    this.#options.outgoing.close();
    this.#options.deps.metrics.streamEnded(code);
    return true;
  }

  async #timeToMove(): Promise<void> {
    const cancel = this.#options.deps.clock.after(this.#options.deps.limits.movedMs, this.#hurried.resolve);
    await this.#hurried.promise;
    cancel();
  }

  async #lose(reason: LostReasonJson): Promise<void> {
    const { deps } = this.#options;
    if (this.#open !== undefined) {
      deps.metrics.lost(reason);
      // Whoever was asked to move is on the way to another node, and nobody need hear of it.
      if (this.#moved) await this.#timeToMove();
      await Promise.all([this.#open.sessions.loseAll(reason), this.#open.pool?.lose(reason)]);
    }
    this.#options.onGone(this);
  }
}
