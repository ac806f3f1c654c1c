import { type Code, CODES, STATUSES } from "@perdure/core";
import { type ClientFrame, encodeFrame, type HelloFrame, parseClientFrame, PROTOCOL_VERSION } from "@perdure/protocol";
import { type Grant, renewedGrant, type Verifier } from "@perdure/service-kit";
import { ConnectionSessions, type ConnectionSessionsParts } from "./connection-sessions.ts";
import { type Refusal, refusalOf, refuse } from "./refusal.ts";
import type { Socket, SocketReceiver } from "./socket.ts";
import { TimeSince } from "./time-since.ts";

export interface ConnectionParts extends ConnectionSessionsParts {
  readonly nodeName: string;
  readonly verifier: Verifier;
  readonly onEnd: (connection: Connection) => void;
}

type Phase = "greeting" | "verifying" | "open" | "ended";

/** A client that leaves for good closes with this; whoever closes otherwise may be back. */
const NORMAL_CLOSE = 1000;

/** One client's WebSocket, from `hello` to its end. */
export class Connection implements SocketReceiver {
  readonly #parts: ConnectionParts;
  readonly #socket: Socket;
  readonly #sinceOpened: TimeSince;
  readonly #sinceHeard: TimeSince;
  #phase: Phase = "greeting";
  #sessions: ConnectionSessions | undefined;
  #closeCode: Code | undefined;
  #renewalCount = 0;

  constructor(parts: ConnectionParts, socket: Socket) {
    this.#parts = parts;
    this.#socket = socket;
    const nowMs = parts.clock.now();
    this.#sinceOpened = new TimeSince(nowMs);
    this.#sinceHeard = new TimeSince(nowMs);
  }

  onText(text: string): void {
    this.onHeard();
    if (this.#phase === "ended") return;
    const parsed = parseClientFrame(text);
    if ("frame" in parsed) this.#onFrame(parsed.frame, text.length);
    else if (parsed.code === "invalid_event" && this.#sessions !== undefined) this.#sessions.refuseSend(parsed);
    else this.close(refuse(parsed.code, parsed.message));
  }

  onBinary(): void {
    this.close(refuse("malformed_frame", "Frames are JSON text; this one is binary."));
  }

  onTooLarge(): void {
    const { maxFrameBytes } = this.#parts.limits;
    this.close(refuse("frame_too_large", `The frame is longer than ${maxFrameBytes} bytes. Send less at once.`));
  }

  onHeard(): void {
    this.#sinceHeard.begin(this.#parts.clock.now());
  }

  /** More answers wait for it than it may let wait. */
  onFull(): void {
    this.#closeCode = "slow_consumer";
    this.#end("slow_consumer");
  }

  /** Some of what waited has gone out: somebody is there to take it. */
  onDrain(): void {
    this.onHeard();
    this.#sessions?.onDrain();
  }

  onClose(code: number): void {
    this.#phase = "ended";
    this.#sessions?.end(code === NORMAL_CLOSE);
    this.#parts.metrics.closed(this.#closeCode ?? (code === NORMAL_CLOSE ? "closed" : "connection_lost"));
    this.#parts.onEnd(this);
  }

  /** Asks the client to go to another node. */
  move(withinMs: number): void {
    if (this.#phase === "open") this.#socket.send(encodeFrame({ t: "move", withinMs }));
  }

  /** Tells the client why, and closes. */
  close(refusal: Refusal): void {
    if (this.#phase === "ended") return;
    this.#closeCode = refusal.code;
    this.#socket.send(encodeFrame({ t: "error", ...refusal }));
    this.#end(refusal.code);
  }

  /** Called every second or so: deadlines, silence, slowness, the token's end. */
  watch(nowMs: number): void {
    const { limits } = this.#parts;
    const openMs = this.#sinceOpened.passedMs(nowMs);
    const silentMs = this.#sinceHeard.passedMs(nowMs);
    if (silentMs >= limits.silenceMs) return this.#cut("idle_timeout");
    if (openMs >= limits.helloMs) {
      // Slow lines and slow keys pass: whoever said hello too late, or has no answer to it, is to come back.
      if (this.#phase === "greeting") {
        return this.close(refuse("idle_timeout", `No hello came within ${limits.helloMs} ms. Connect again.`));
      }
      if (this.#phase === "verifying") {
        return this.close(
          refuse("unavailable", `No word on the token came within ${limits.helloMs} ms. Connect again.`),
        );
      }
    }
    const expiresMs = this.#sessions?.grant.expiresMs ?? Infinity;
    if (this.#phase === "open" && nowMs >= expiresMs) return this.close(refuse("token_expired"));
    this.#sessions?.checkPressure();
    if ((this.#sessions?.stuckMs(nowMs) ?? 0) >= limits.lagMs) return this.close(refuse("slow_consumer"));
    if (silentMs >= limits.pingAfterMs) this.#socket.ping();
  }

  /** The node could not hear for so long, or its clock was put forward: that is nobody's silence. */
  forgive(deafMs: number, nowMs: number): void {
    this.#sinceHeard.forgive(deafMs, nowMs);
    this.#sinceOpened.forgive(deafMs, nowMs);
    this.#sessions?.forgive(deafMs, nowMs);
  }

  #onFrame(frame: ClientFrame, sizeBytes: number): void {
    const sessions = this.#sessions;
    if (frame.t === "hello" && this.#phase === "greeting") return void this.#hello(frame);
    if (sessions === undefined || frame.t === "hello") return this.close(refuse("hello_expected"));
    switch (frame.t) {
      case "auth":
        return void this.#renew(sessions, frame.token);
      case "attach":
        return sessions.attach(frame);
      case "detach":
        return sessions.detach(frame.h);
      case "send":
        return sessions.write(frame, sizeBytes);
      case "history":
        return sessions.history(frame);
      case "ping":
        return this.#socket.send(encodeFrame({ t: "pong" }));
    }
  }

  async #hello({ v, token, device = "" }: HelloFrame): Promise<void> {
    if (v !== PROTOCOL_VERSION) {
      return this.close(refuse("protocol_version", `This node speaks version ${PROTOCOL_VERSION}, not ${v}.`));
    }
    this.#phase = "verifying";
    const grant = await this.#granted(() => this.#parts.verifier.verify(token));
    if (grant === undefined || this.#over) return;
    this.#phase = "open";
    this.#sessions = new ConnectionSessions(this.#parts, this.#socket, grant, device);
    this.#welcome(grant);
  }

  /** A later token takes the place of one that is not judged yet. */
  async #renew(sessions: ConnectionSessions, token: string): Promise<void> {
    this.#renewalCount += 1;
    const { verifier, clock } = this.#parts;
    const count = this.#renewalCount;
    const isWanted = (): boolean => !this.#over && count === this.#renewalCount;
    const { grant: former } = sessions;
    const grant = await this.#granted(() => renewedGrant({ verifier, clock, former, token, isWanted }));
    if (grant === undefined || this.#over) return;
    sessions.renew(grant);
    this.#welcome(grant);
  }

  async #granted(ask: () => Promise<Grant | undefined>): Promise<Grant | undefined> {
    try {
      return await ask();
    } catch (error) {
      this.close(refusalOf(error, this.#parts.logger));
      return undefined;
    }
  }

  /** It may have ended while something was waited for. */
  get #over(): boolean {
    return this.#phase === "ended";
  }

  #welcome({ tenant, participant, role, mayCreate, expiresMs }: Grant): void {
    const { nodeName: node, limits, clock } = this.#parts;
    const { beatMs, maxFrameBytes } = limits;
    const v = PROTOCOL_VERSION;
    const frame = {
      t: "welcome",
      v,
      node,
      tenant,
      participant,
      role,
      mayCreate,
      expiresInMs: Math.max(0, Math.round(expiresMs - clock.now())),
      beatMs,
      maxFrameBytes,
    } as const;
    this.#socket.send(encodeFrame(frame));
  }

  #end(code: Code): void {
    const { webSocketClose } = STATUSES[code];
    this.#socket.end(webSocketClose === 0 ? fallbackClose(CODES[code].retryable) : webSocketClose, code);
  }

  #cut(code: Code): void {
    this.#closeCode = code;
    this.#socket.cut();
  }
}

/** For codes that are usually told in a frame. */
const fallbackClose = (retryable: boolean): number =>
  retryable ? STATUSES.internal.webSocketClose : STATUSES.unauthenticated.webSocketClose;
