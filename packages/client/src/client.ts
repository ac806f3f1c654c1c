import { FOLLOWER_LIMITS, PerdureError } from "@perdure/core";
import type { SessionCreatedJson } from "@perdure/protocol";
import { isSystemSessionId, type ServerFrame, SESSION_ID_PATTERN, type WelcomeFrame } from "@perdure/protocol/frames";
import { Connection } from "./connection.ts";
import type { ConnectionSettings, ConnectionState } from "./connection-state.ts";
import {
  type ClientStorage,
  type Clock,
  type LockManager,
  type SocketConstructor,
  systemClock,
} from "./environment.ts";
import { Listeners } from "./listeners.ts";
import { OutboxStore } from "./outbox-store.ts";
import {
  platformDevice,
  platformLocks,
  platformSchedule,
  platformSocket,
  platformStorage,
  watchPage,
} from "./platform.ts";
import { Session } from "./session.ts";
import { type Self, type SessionContext, SessionEngine } from "./session-engine.ts";
import { StateStore } from "./state-store.ts";
import { connectionStatus, sameStatus, type Status } from "./status.ts";
import { TokenSource } from "./token-source.ts";

export interface ClientOptions extends Partial<ConnectionSettings> {
  /** The edge's WebSocket, e.g. `wss://edge.example.com/v1/connect`. */
  readonly url: string;
  /** The app's way to a token; asked at the start, before a token ends, and after one was refused. */
  readonly getToken: () => string | Promise<string>;
  /** What people see of this device. */
  readonly device?: string;
  /** Default: the page's sessionStorage and localStorage; in Node, memory. May lose what was written last, but not more. */
  readonly storage?: ClientStorage;
  /** Default: the page's, which browsers have over TLS and on localhost. Without them, pages of one storage send the same. */
  readonly locks?: LockManager;
  readonly webSocket?: SocketConstructor;
  readonly clock?: Clock;
  /**
   * Records of a session that may wait for their verdict, as while there is no network; more are refused as `overloaded`.
   * Default, and most: 1,024, as many verdicts as a session remembers of one writer.
   */
  readonly unjudgedCount?: number;
  /** From [0, 1). */
  readonly random?: () => number;
  /** Calls once, soon; default: with the next frame of a visible page. */
  readonly schedule?: (call: () => void) => void;
  /** Names this page load; unique, and at most 32 of `A-Z a-z 0-9 -`. */
  readonly page?: string;
}

/** What a session is to be, where sending into it begins it. */
export interface SessionOptions {
  readonly title?: string;
  readonly tags?: readonly string[];
  /** The agent that messages ask where their sender names none. */
  readonly defaultAgent?: string;
  /** How long a lost agent may take to come back before its work is offered again, in milliseconds. */
  readonly agentGraceMs?: number;
  /** How long an agent may take to obey a cancel before it is cut off, in milliseconds. */
  readonly cancelGraceMs?: number;
  /** How long an operator who has the floor may be away before agents go on, in milliseconds. */
  readonly takeoverGraceMs?: number;
  /** An app's own data, JSON text. */
  readonly metadata?: string;
}

/** Something that should not happen and should be looked at. What could be mended is; the message says what could not. */
export interface Report {
  readonly session: string;
  readonly code: string;
  readonly message: string;
}

export interface Client {
  readonly status: Status;
  /** The session of that name; the same object until it is closed. Throws PerdureError `invalid_name`. */
  session(id: string, options?: SessionOptions): Session;
  /** Calls with the status now and whenever it changes. The returned function ends it. */
  onStatus(listener: (status: Status) => void): () => void;
  /** The returned function ends it. */
  onReport(listener: (report: Report) => void): () => void;
  /** Tries at once, also where it was refused: somebody has logged in, say. */
  reconnect(): void;
  /** Lets go of everything. What is on its way stays stored. */
  close(): void;
}

const SETTINGS: ConnectionSettings = { baseDelayMs: 500, maxDelayMs: 20_000, openTimeoutMs: 10_000, stableMs: 5_000 };

const PAGE_PATTERN = /^[A-Za-z0-9-]{1,32}$/;

/** What may be large, of which an edge sends one after the other to a client that is slow. */
const GOES_IN_TURN: ReadonlySet<string> = new Set(["attached", "page", "update"]);

const SOFTWARE = "perdure-client/0.1.0";

/** A client for one participant: many sessions over one connection, which begins with the first session. */
export function createClient(options: ClientOptions): Client {
  return new PerdureClient(options);
}

class PerdureClient implements Client {
  readonly #connection: Connection;
  readonly #context: Omit<SessionContext, "nextRequestId" | "onHandle" | "producer">;
  readonly #outboxes: OutboxStore;
  readonly #unwatchPage: () => void;
  readonly #sessions = new Map<string, { readonly session: Session; readonly engine: SessionEngine }>();
  /** How often each was opened in this page. */
  readonly #openings = new Map<string, number>();
  /** Where frames go that name a session by its handle, or answer a request. */
  readonly #byHandle = new Map<number, SessionEngine>();
  readonly #byRequest = new Map<number, SessionEngine>();
  readonly #statusListeners = new Listeners<Status>();
  readonly #reportListeners = new Listeners<Report>();
  #requestId = 0;
  #self: Self | undefined;
  #status: Status;

  constructor(options: ClientOptions) {
    const { url, getToken, clock = systemClock, random = Math.random, page = randomId() } = options;
    // Producers and ids are made of it, which the session takes only so long.
    if (!PAGE_PATTERN.test(page)) throw new TypeError(`page is "${page}": 1 to 32 of A-Z a-z 0-9 - name a page load`);
    const storage = options.storage ?? platformStorage();
    const locks = options.locks ?? platformLocks();
    const prefix = `perdure:${url}:`;
    const settings = settingsOf(options);
    const full = { code: "storage_full", message: "no room on this device: what is not sent is lost with the page" };
    // Not while a record is being queued: a listener may write, or throw.
    const onFull = (session: string): void => queueMicrotask(() => this.#reportListeners.tell({ session, ...full }));
    this.#outboxes = new OutboxStore({ store: storage.device, prefix, page, locks, onFull });
    this.#connection = new Connection(
      {
        ...settings,
        url,
        tokens: new TokenSource(getToken, clock),
        socketConstructor: options.webSocket ?? platformSocket(),
        clock,
        random,
        client: SOFTWARE,
        device: options.device ?? platformDevice(),
      },
      { onState: (state) => this.#onConnection(state), onFrame: (frame) => this.#onFrame(frame) },
    );
    this.#status = connectionStatus(this.#connection.state);
    this.#context = {
      clock,
      random,
      schedule: options.schedule ?? platformSchedule(),
      page,
      backoff: settings,
      states: new StateStore(storage.tab, prefix),
      outboxes: this.#outboxes,
      send: (frame) => this.#connection.send(frame),
      unjudgedCount: Math.min(options.unjudgedCount ?? FOLLOWER_LIMITS.producerWindow, FOLLOWER_LIMITS.producerWindow),
      renew: () => this.#connection.renew(),
      onElsewhere: () => this.#connection.move(),
      onReport: (session, code, message) => this.#reportListeners.tell({ session, code, message }),
    };
    this.#unwatchPage = watchPage({
      onHide: () => this.#save(),
      onWake: () => this.#connection.wake(),
    });
  }

  get status(): Status {
    return this.#status;
  }

  session(id: string, options: SessionOptions = {}): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known.session;
    // An edge would end the connection for it, and with it every other session.
    if (!SESSION_ID_PATTERN.test(id) && !isSystemSessionId(id)) {
      throw new PerdureError("invalid_name", `${id} cannot name a session: 1 to 128 of A-Z a-z 0-9 _ . -`);
    }
    const engine: SessionEngine = new SessionEngine(id, creationOf(options), {
      ...this.#context,
      producer: this.#newProducer(id),
      nextRequestId: () => {
        this.#requestId += 1;
        this.#byRequest.set(this.#requestId, engine);
        return this.#requestId;
      },
      onHandle: (handle, added) => {
        if (added) this.#byHandle.set(handle, engine);
        else this.#byHandle.delete(handle);
      },
    });
    const session = new Session(engine, () => this.#closeSession(id));
    this.#sessions.set(id, { session, engine });
    engine.adopt();
    engine.onConnection(this.#connection.state, this.#self);
    if (this.#connection.state.phase === "idle") this.#connection.want();
    return session;
  }

  /** A session that was closed and is opened again counts its records anew, so it does so under another name. */
  #newProducer(id: string): string {
    const opening = (this.#openings.get(id) ?? 0) + 1;
    this.#openings.set(id, opening);
    const { page } = this.#context;
    return opening === 1 ? page : `${page}-o${opening}`;
  }

  onStatus(listener: (status: Status) => void): () => void {
    listener(this.#status);
    return this.#statusListeners.add(listener);
  }

  onReport(listener: (report: Report) => void): () => void {
    return this.#reportListeners.add(listener);
  }

  reconnect(): void {
    this.#connection.want();
  }

  close(): void {
    this.#unwatchPage();
    for (const id of [...this.#sessions.keys()]) this.#closeSession(id);
    this.#connection.close();
    this.#outboxes.close();
  }

  #onConnection(state: ConnectionState): void {
    if (state.phase === "open" && state.welcome !== undefined && !this.#welcomed(state.welcome)) return;
    if (state.phase !== "open") this.#byRequest.clear();
    for (const { engine } of this.#sessions.values()) engine.onConnection(state, this.#self);
    const status = connectionStatus(state);
    if (sameStatus(status, this.#status)) return;
    this.#status = status;
    this.#statusListeners.tell(status);
  }

  /** False: the app's token is somebody else's now, whom nothing here may be shown or sent as. */
  #welcomed({ tenant, participant, role, mayCreate }: WelcomeFrame): boolean {
    const before = this.#self;
    if (before !== undefined && (before.tenant !== tenant || before.participant !== participant)) {
      const message = `getToken now answers for ${participant}: make another client for them`;
      this.#reportListeners.tell({ session: "", code: "unauthenticated", message });
      this.close();
      return false;
    }
    this.#self = { tenant, participant, role, mayCreate };
    void this.#outboxes.identify({ tenant, participant }).then(() => {
      for (const open of this.#sessions.values()) open.engine.adopt();
    });
    return true;
  }

  #onFrame(frame: ServerFrame): void {
    if (!("t" in frame)) return this.#byHandle.get(frame[1])?.onFrame(frame);
    // These say something to every session.
    if (frame.t === "welcome" || frame.t === "pong")
      for (const { engine } of this.#sessions.values()) engine.onFrame(frame);
    const engine = this.#receiver(frame);
    engine?.onFrame(frame);
    if (GOES_IN_TURN.has(frame.t)) for (const other of this.#sessions.values()) other.engine.onOthersAnswered();
    // A session that was closed before its attach was answered is followed from then on: only now there is a handle to let
    // go of. One that was opened again goes on under the same handle.
    const isUnwanted = engine !== undefined && !this.#sessions.has(engine.id);
    if (frame.t === "attached" && isUnwanted) this.#connection.send({ t: "detach", h: frame.h });
  }

  #receiver(frame: Extract<ServerFrame, { readonly t: string }>): SessionEngine | undefined {
    if ("id" in frame) {
      const engine = this.#byRequest.get(frame.id);
      this.#byRequest.delete(frame.id);
      return engine;
    }
    return "h" in frame ? this.#byHandle.get(frame.h) : undefined;
  }

  #closeSession(id: string): void {
    const open = this.#sessions.get(id);
    this.#sessions.delete(id);
    open?.engine.close();
  }

  #save(): void {
    for (const { engine } of this.#sessions.values()) engine.save();
  }
}

function creationOf(options: SessionOptions): SessionCreatedJson {
  const { title, tags, defaultAgent, agentGraceMs, cancelGraceMs, takeoverGraceMs, metadata } = options;
  const policy = {
    ...(defaultAgent !== undefined && { defaultAgent }),
    ...(agentGraceMs !== undefined && { agentGraceMs }),
    ...(cancelGraceMs !== undefined && { cancelGraceMs }),
    ...(takeoverGraceMs !== undefined && { takeoverGraceMs }),
  };
  return {
    ...(title !== undefined && { title }),
    ...(tags !== undefined && { tags: [...tags] }),
    policy,
    ...(metadata !== undefined && { metadata }),
  };
}

function settingsOf(options: Partial<ConnectionSettings>): ConnectionSettings {
  const { baseDelayMs, maxDelayMs, openTimeoutMs, stableMs } = options;
  return {
    baseDelayMs: baseDelayMs ?? SETTINGS.baseDelayMs,
    maxDelayMs: maxDelayMs ?? SETTINGS.maxDelayMs,
    openTimeoutMs: openTimeoutMs ?? SETTINGS.openTimeoutMs,
    stableMs: stableMs ?? SETTINGS.stableMs,
  };
}

/** 128 random bits in letters that a producer id may have. */
const randomId = (): string =>
  Array.from(globalThis.crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
