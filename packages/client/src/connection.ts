import { PerdureError, utf8Bytes } from "@perdure/core";
import {
  type ClientFrame,
  encodeFrame,
  type ErrorFrame,
  parseServerFrame,
  PROTOCOL_VERSION,
  type ServerFrame,
  type WelcomeFrame,
} from "@perdure/protocol/frames";
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionSettings,
  type ConnectionState,
  step,
} from "./connection-state.ts";
import type { Clock, Socket, SocketConstructor } from "./environment.ts";
import { closeFailure, tokenFailure } from "./failure.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Timer } from "./timer.ts";
import type { TokenSource } from "./token-source.ts";

export interface ConnectionOptions extends ConnectionSettings {
  readonly url: string;
  readonly tokens: TokenSource;
  readonly socketConstructor: SocketConstructor;
  readonly clock: Clock;
  /** From [0, 1). */
  readonly random: () => number;
  /** Name and version of the software, for the server's diagnostics. */
  readonly client: string;
  /** What people see of this device, e.g. "Firefox on Linux". */
  readonly device: string;
}

/** What became of a frame; `away`: the connection is not open, and its owner sends it again; else why no edge would take it. */
export type Transmission = "sent" | "away" | PerdureError;

export interface ConnectionListener {
  onState(state: ConnectionState): void;
  onFrame(frame: ServerFrame): void;
}

/** A token is renewed when this share of its life is over. */
const RENEW_AT = 0.8;
/** After a failure to get a new token, milliseconds. */
const RENEW_AGAIN_MS = 5_000;
const TOKEN_REFUSED: ReadonlySet<string> = new Set(["token_expired", "unauthenticated"]);
/** Close codes of ours: for good (RFC 6455, 7.4.1), and for a client that may be back. */
const NORMAL_CLOSE = 1000;
const BACK_SOON_CLOSE = 4000;
/** What a timer of the platform can hold: longer ones fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Carries out what the state machine says: one socket at a time, its token and its heartbeats. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #heartbeat: Heartbeat;
  readonly #phaseTimer: Timer;
  readonly #renewTimer: Timer;
  readonly #moveTimer: Timer;
  #state: ConnectionState = { phase: "idle", attempt: 0 };
  #socket: Socket | undefined;
  #lastError: ErrorFrame | undefined;
  /** The token that the server was last told. */
  #helloToken: string | undefined;

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#phaseTimer = new Timer(options.clock);
    this.#renewTimer = new Timer(options.clock);
    this.#moveTimer = new Timer(options.clock);
    this.#heartbeat = new Heartbeat(
      options.clock,
      () => this.send({ t: "ping" }),
      () => this.#dispatch({ kind: "failed", failure: closeFailure(1006, "") }),
    );
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects, also where it waits or was refused; nothing where it is connected or about to be. */
  want(): void {
    this.#dispatch({ kind: "wanted" });
  }

  /** Leaves this node for another one, if the address leads to several. */
  move(): void {
    this.#dispatch({ kind: "moved" });
  }

  /** Asks the app for a new token, and tells the server; connects where it is not connected. */
  renew(): void {
    if (this.#state.phase === "open") void this.#renew();
    else this.want();
  }

  /** The page was away and is back: connects at once, or finds out quickly whether the connection still lives. */
  wake(): void {
    if (this.#state.phase === "waiting") this.want();
    if (this.#state.phase === "open") this.#heartbeat.probe();
  }

  /** Sends a frame, unless the edge would end the connection for its length. */
  send(frame: ClientFrame): Transmission {
    const { phase, welcome } = this.#state;
    if (phase !== "open" || this.#socket === undefined) return "away";
    const text = encodeFrame(frame);
    const bytes = utf8Bytes(text);
    const max = welcome?.maxFrameBytes ?? Infinity;
    if (bytes > max)
      return new PerdureError("too_large", `${bytes} bytes, and the server takes ${max}: send less at once`);
    this.#socket.send(text);
    return "sent";
  }

  close(): void {
    this.#dispatch({ kind: "closed" });
  }

  #dispatch(event: ConnectionEvent): void {
    const { clock, random } = this.#options;
    const before = this.#state;
    const { state, effects } = step(before, event, { nowMs: clock.now(), chance: random() }, this.#options);
    if (state === before) return;
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#listener.onState(state);
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.kind) {
      case "getToken":
        void this.#authorize();
        break;
      case "openSocket":
        this.#openSocket();
        break;
      case "sendHello":
        this.#sendHello(effect.token);
        break;
      case "closeSocket":
        this.#closeSocket(effect.leaving);
        break;
      case "startTimer":
        this.#phaseTimer.start(effect.delayMs, () => this.#dispatch({ kind: "timedOut" }));
        break;
      case "stopTimer":
        this.#phaseTimer.stop();
        break;
    }
  }

  async #authorize(): Promise<void> {
    try {
      this.#dispatch({ kind: "authorized", token: await this.#options.tokens.get() });
    } catch (error) {
      this.#dispatch({ kind: "failed", failure: tokenFailure(error) });
    }
  }

  #openSocket(): void {
    const socket = new this.#options.socketConstructor(this.#options.url);
    this.#socket = socket;
    this.#lastError = undefined;
    const current = (): boolean => this.#socket === socket;
    socket.onopen = () => {
      if (current()) this.#dispatch({ kind: "opened" });
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      if (current() && typeof data === "string") this.#receive(data);
    };
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      if (current()) this.#closed(code, reason);
    };
    socket.onerror = null;
  }

  #sendHello(token: string): void {
    const { client, device } = this.#options;
    this.#helloToken = token;
    this.#socket?.send(encodeFrame({ t: "hello", v: PROTOCOL_VERSION, token, client, device }));
  }

  #receive(data: string): void {
    this.#heartbeat.heard();
    const frame = parseServerFrame(data);
    if (frame === undefined) return;
    if ("t" in frame) {
      if (frame.t === "welcome") this.#welcomed(frame);
      else if (frame.t === "error" && frame.id === undefined) this.#lastError = frame;
      else if (frame.t === "move") this.#moveWithin(frame.withinMs);
    }
    this.#listener.onFrame(frame);
  }

  /** The first `welcome` opens the connection; a later one answers a renewed token. */
  #welcomed(welcome: WelcomeFrame): void {
    const { expiresInMs } = welcome;
    if (this.#helloToken !== undefined) this.#options.tokens.accepted(this.#helloToken, expiresInMs);
    this.#renewTimer.start(Math.min(expiresInMs * RENEW_AT, LONGEST_TIMER_MS), () => void this.#renew());
    if (this.#state.phase !== "greeting") return;
    this.#heartbeat.start(welcome.beatMs);
    this.#dispatch({ kind: "welcomed", welcome });
  }

  // A failure here is no failure of the connection: the edge closes it when the old token ends, and that is retried.
  async #renew(): Promise<void> {
    const socket = this.#socket;
    const token = await this.#options.tokens.renew().catch(() => undefined);
    if (this.#socket !== socket) return;
    if (token === undefined) {
      this.#renewTimer.start(RENEW_AGAIN_MS, () => void this.#renew());
    } else if (this.send({ t: "auth", token }) === "sent") {
      this.#helloToken = token;
    }
  }

  // Spread over the window that the edge gives, so that the node which takes over is not stormed.
  #moveWithin(withinMs: number): void {
    const { random } = this.#options;
    if (!this.#moveTimer.running) this.#moveTimer.start(withinMs * random(), () => this.#dispatch({ kind: "moved" }));
  }

  #closed(closeCode: number, reason: string): void {
    const failure = closeFailure(closeCode, reason, this.#lastError);
    if (TOKEN_REFUSED.has(failure.code)) this.#options.tokens.forget();
    this.#dispatch({ kind: "failed", failure });
  }

  #closeSocket(leaving: boolean): void {
    const socket = this.#socket;
    this.#socket = undefined;
    for (const timer of [this.#renewTimer, this.#moveTimer, this.#heartbeat]) timer.stop();
    socket?.close(leaving ? NORMAL_CLOSE : BACK_SOON_CLOSE);
  }
}
