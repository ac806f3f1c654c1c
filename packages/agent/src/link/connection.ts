import { CODES, PerdureError } from "@perdure/core";
import { PROTOCOL_VERSION } from "@perdure/protocol";
import type { AgentWelcome } from "@perdure/protocol";
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { NodeMessage } from "./node-messages.ts";
import { encodeRequest } from "./requests.ts";
import type { RequestKind } from "./requests.ts";
import type { AgentStream, Transport } from "./transport.ts";

/** Delays between two tries: full jitter below a ceiling that doubles, as in "Exponential Backoff And Jitter" (AWS, 2015). */
const FIRST_CEILING_MS = 100;
/** Well below the grace time, so that a lost agent has several tries. */
const LAST_CEILING_MS = 2_000;
/** What may stand in a header as it is; whether it is a token, the node says. */
const TOKEN_PATTERN = /^[\x21-\x7e]+$/;
/** Delays between two moves to look for a node that can serve a session double up to this many times. */
const MOVE_DOUBLINGS = 5;
/** After this long without one the next move is the first again, in milliseconds. */
const MOVES_FORGOTTEN_MS = 120_000;
/** A node that does not answer a hello for this long is left. */
const WELCOME_WITHIN_MS = 10_000;
/** A token is renewed when this part of its time is left. */
const RENEW_WITH_LEFT = 0.2;

export interface ConnectionOptions {
  readonly transport: Transport;
  getToken(): string | Promise<string>;
  /** Asked before every stream. */
  hello(): { agent: string; instance: string; capacity: number; description: string; client: string };
  readonly clock: Clock;
  random(): number;
  readonly logger: Logger;
  onOpen(welcome: AgentWelcome, token: string): void;
  /** A node has taken the new token. */
  onRenewed(token: string): void;
  onMessage(message: NodeMessage): void;
  /** The stream is gone; another one is on its way unless the connection was closed. */
  onDown(): void;
  /** A try failed, or a stream ended with an error. Return false to give up. */
  onTrouble(error: PerdureError): boolean;
}

type State =
  | { readonly phase: "idle" | "ended" }
  | { readonly phase: "waiting"; readonly stopWaiting: () => void }
  | { readonly phase: "opening"; readonly stream: AgentStream; readonly stopWaiting: () => void }
  | { readonly phase: "open"; readonly stream: AgentStream };

/** Keeps one stream to some node open: tries again with full jitter, renews the token, moves where it is asked to. */
export class Connection {
  readonly #options: ConnectionOptions;
  #state: State = { phase: "idle" };
  /** Counts streams, so that what an earlier one still says is not heard. */
  #generation = 0;
  #failedTries = 0;
  #stopRenewal: (() => void) | undefined;
  /** The new token that the node was last told. */
  #newToken: string | undefined;
  #stopMove: (() => void) | undefined;
  #moves = 0;
  #lastMoveMs = 0;
  #ended = Promise.withResolvers<void>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#state.phase === "open";
  }

  start(): void {
    void this.#try();
  }

  /** False: there is no open stream, and nothing was sent. */
  send(kind: RequestKind): boolean {
    return this.sendBytes(encodeRequest(kind));
  }

  sendBytes(bytes: Uint8Array): boolean {
    if (this.#state.phase !== "open") return false;
    this.#state.stream.send(bytes);
    return true;
  }

  /** Drops the stream and opens another at once, with a new hello. */
  restart(): void {
    if (this.#state.phase === "ended") return;
    this.#leaveStream();
    this.#failedTries = 0;
    void this.#try();
  }

  /** Looks for another node after a time that grows with each move: there may be none yet that can do better. */
  moveAfter(delayMs: number): void {
    if (this.#stopMove !== undefined || this.#state.phase !== "open") return;
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#lastMoveMs > MOVES_FORGOTTEN_MS) this.#moves = 0;
    const leastMs = delayMs * 2 ** Math.min(this.#moves, MOVE_DOUBLINGS);
    this.#moves += 1;
    this.#lastMoveMs = nowMs;
    this.#stopMove = this.#options.clock.after(leastMs * (1 + this.#options.random()), () => this.restart());
  }

  /** Says goodbye and settles when the node has closed the stream, or after `withinMs`. */
  async end(withinMs: number): Promise<void> {
    const state = this.#state;
    if (state.phase === "open") {
      // Of this stream: earlier ones have ended long ago.
      this.#ended = Promise.withResolvers<void>();
      this.send({ case: "leave", value: {} });
      const stopWaiting = this.#options.clock.after(withinMs, () => this.#ended.resolve());
      await this.#ended.promise;
      stopWaiting();
    }
    this.#leaveStream();
    this.#state = { phase: "ended" };
  }

  async #try(): Promise<void> {
    const generation = ++this.#generation;
    try {
      const token = await this.#token();
      if (generation === this.#generation) this.#open(token, generation);
    } catch (error) {
      if (!(error instanceof PerdureError)) throw error;
      if (generation === this.#generation) this.#failed(error);
    }
  }

  /** A new token. Throws `token_unavailable`. */
  async #token(): Promise<string> {
    let token: string;
    try {
      // Read from a file, it often ends with a line break.
      token = (await this.#options.getToken()).trim();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PerdureError("token_unavailable", `getToken failed: ${reason}`, { cause });
    }
    if (!TOKEN_PATTERN.test(token)) throw new PerdureError("token_unavailable", "getToken answered what is no token");
    return token;
  }

  #open(token: string, generation: number): void {
    const stream = this.#options.transport.open(token, {
      onMessage: (message) => {
        if (generation === this.#generation) this.#take(message, token);
      },
      onClosed: (error) => {
        if (generation === this.#generation) this.#closed(error);
      },
    });
    // A stream may fail while it is being opened.
    if (generation !== this.#generation) return;
    const stopWaiting = this.#options.clock.after(WELCOME_WITHIN_MS, () =>
      this.#closed(new PerdureError("unavailable", "the node did not answer the hello")),
    );
    this.#state = { phase: "opening", stream, stopWaiting };
    stream.send(encodeRequest({ case: "hello", value: { protocol: PROTOCOL_VERSION, ...this.#options.hello() } }));
  }

  /** A message that this SDK fails on, from a newer node say, must not end the process that it runs in. */
  #take(message: NodeMessage, token: string): void {
    try {
      this.#heard(message, token);
    } catch (cause) {
      const { case: kind } = message;
      this.#options.logger.error({ err: cause, kind }, "a message of the node could not be taken");
      this.#closed(new PerdureError("internal", `the node's ${kind} could not be taken`, { cause }));
    }
  }

  #heard(message: NodeMessage, token: string): void {
    if (message.case === "welcome" && this.#state.phase === "opening") {
      this.#failedTries = 0;
      this.#state.stopWaiting();
      this.#state = { phase: "open", stream: this.#state.stream };
      this.#renewBefore(message.value.tokenExpiresInMs);
      this.#options.onOpen(message.value, token);
    } else if (message.case === "renewed") this.#renewed(message.value.tokenExpiresInMs);
    else if (message.case === "move") this.#moveWithin(message.value.withinMs);
    else this.#options.onMessage(message);
  }

  #closed(error: PerdureError | undefined): void {
    this.#ended.resolve();
    this.#leaveStream();
    this.#failed(error ?? new PerdureError("unavailable", "the node closed the stream"));
  }

  #failed(error: PerdureError): void {
    const goOn = this.#options.onTrouble(error);
    if (this.#state.phase === "ended") return;
    if (!goOn) {
      this.#state = { phase: "ended" };
      return;
    }
    const ceiling = Math.min(FIRST_CEILING_MS * 2 ** this.#failedTries++, LAST_CEILING_MS);
    const delayMs = (error.retryAfterMs ?? 0) + this.#options.random() * ceiling;
    const level = CODES[error.code].retryable ? "warn" : "error";
    this.#options.logger[level]({ code: error.code, inMs: Math.round(delayMs) }, `no stream: ${error.message}`);
    const stopWaiting = this.#options.clock.after(delayMs, () => void this.#try());
    this.#state = { phase: "waiting", stopWaiting };
  }

  #leaveStream(): void {
    this.#generation += 1;
    this.#stopRenewal?.();
    this.#stopMove?.();
    this.#stopRenewal = this.#stopMove = undefined;
    const state = this.#state;
    if (state.phase === "waiting" || state.phase === "opening") state.stopWaiting();
    if (state.phase === "opening" || state.phase === "open") state.stream.drop();
    this.#state = { phase: "idle" };
    if (state.phase === "open") this.#options.onDown();
  }

  #renewBefore(expiresInMs: number): void {
    this.#stopRenewal?.();
    const inMs = Math.min(expiresInMs * (1 - RENEW_WITH_LEFT), 2 ** 31 - 1);
    this.#stopRenewal = this.#options.clock.after(inMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const generation = this.#generation;
    try {
      const token = await this.#token();
      if (generation !== this.#generation) return;
      this.#newToken = token;
      this.send({ case: "auth", value: { token } });
    } catch (error) {
      // The node closes the stream when the token ends, and the next try asks again.
      this.#options.logger.warn({ error: String(error) }, "getToken failed; the stream ends with its token");
    }
  }

  // Until then the former one is what nodes are known to take, also from heartbeats.
  #renewed(expiresInMs: number): void {
    this.#renewBefore(expiresInMs);
    if (this.#newToken !== undefined) this.#options.onRenewed(this.#newToken);
  }

  #moveWithin(withinMs: number): void {
    this.#stopMove = this.#options.clock.after(this.#options.random() * withinMs, () => this.restart());
  }
}
