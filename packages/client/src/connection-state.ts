/**
 * The connection to an edge as an immutable state machine: `step` answers the next state and what is to be done, and
 * does nothing itself. The table names every pair of phase and event, so that a missing one does not compile.
 */
import type { WelcomeFrame } from "@perdure/protocol/frames";
import { type BackoffSettings, delayAfter } from "./backoff.ts";

export interface ConnectionSettings extends BackoffSettings {
  /** Longest time from opening the socket to `welcome`, in milliseconds. */
  readonly openTimeoutMs: number;
  /** A connection that lived this long starts over with the shortest delay, in milliseconds. */
  readonly stableMs: number;
}

export type ConnectionPhase = "idle" | "authorizing" | "opening" | "greeting" | "open" | "waiting" | "stopped";

export interface ConnectionState {
  readonly phase: ConnectionPhase;
  /** Failures in a row. */
  readonly attempt: number;
  /** While opening: what `hello` will say. */
  readonly token?: string;
  /** While open. */
  readonly welcome?: WelcomeFrame;
  /** While open: since when, Unix milliseconds. */
  readonly sinceMs?: number;
  /** While waiting: when the next attempt begins, Unix milliseconds. */
  readonly retryAtMs?: number;
  /** While waiting or stopped: why. */
  readonly failure?: Failure;
}

/** Why a connection, or the attempt to make one, ended. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  /** False: trying again cannot help. */
  readonly retryable: boolean;
  /** The server's word on when to come back, in milliseconds. */
  readonly retryAfterMs?: number;
}

interface Facts {
  /** Somebody wants a connection now: a session, or the page that came back. */
  wanted: object;
  authorized: { readonly token: string };
  opened: object;
  welcomed: { readonly welcome: WelcomeFrame };
  /** The timer of this phase ran out. */
  timedOut: object;
  failed: { readonly failure: Failure };
  /** The edge asked to go elsewhere, and the moment within its window has come. */
  moved: object;
  /** The page is done with it. */
  closed: object;
}

export type ConnectionEventKind = keyof Facts;
export type ConnectionEvent = { [K in ConnectionEventKind]: { readonly kind: K } & Facts[K] }[ConnectionEventKind];

/** Now, Unix milliseconds, and a random number from [0, 1). */
export interface Moment {
  readonly nowMs: number;
  readonly chance: number;
}

export type ConnectionEffect =
  | { readonly kind: "getToken" }
  | { readonly kind: "openSocket" }
  | { readonly kind: "sendHello"; readonly token: string }
  /** `leaving`: for good, which the server tells the others at once; else this client may be back. */
  | { readonly kind: "closeSocket"; readonly leaving: boolean }
  /** Replaces the phase's timer. */
  | { readonly kind: "startTimer"; readonly delayMs: number }
  | { readonly kind: "stopTimer" };

export interface Step {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

type Action = "ignore" | "connect" | "dial" | "greet" | "enter" | "retry" | "giveUp" | "move" | "stop";

const TABLE: Readonly<Record<ConnectionPhase, Readonly<Record<ConnectionEventKind, Action>>>> = {
  idle: {
    wanted: "connect",
    authorized: "ignore",
    opened: "ignore",
    welcomed: "ignore",
    timedOut: "ignore",
    failed: "ignore",
    moved: "ignore",
    closed: "stop",
  },
  authorizing: {
    wanted: "ignore",
    authorized: "dial",
    opened: "ignore",
    welcomed: "ignore",
    timedOut: "ignore",
    failed: "retry",
    moved: "ignore",
    closed: "stop",
  },
  opening: {
    wanted: "ignore",
    authorized: "ignore",
    opened: "greet",
    welcomed: "ignore",
    timedOut: "giveUp",
    failed: "retry",
    moved: "ignore",
    closed: "stop",
  },
  greeting: {
    wanted: "ignore",
    authorized: "ignore",
    opened: "ignore",
    welcomed: "enter",
    timedOut: "giveUp",
    failed: "retry",
    moved: "ignore",
    closed: "stop",
  },
  open: {
    wanted: "ignore",
    authorized: "ignore",
    opened: "ignore",
    welcomed: "ignore",
    timedOut: "ignore",
    failed: "retry",
    moved: "move",
    closed: "stop",
  },
  waiting: {
    wanted: "connect",
    authorized: "ignore",
    opened: "ignore",
    welcomed: "ignore",
    timedOut: "connect",
    failed: "ignore",
    moved: "ignore",
    closed: "stop",
  },
  // A page that asks again after a refusal gets another try; after `close` nothing asks any more.
  stopped: {
    wanted: "connect",
    authorized: "ignore",
    opened: "ignore",
    welcomed: "ignore",
    timedOut: "ignore",
    failed: "ignore",
    moved: "ignore",
    closed: "ignore",
  },
};

const NO_ANSWER: Failure = {
  code: "connection_lost",
  message: "the server did not answer in time; check the address and the network",
  retryable: true,
};

const CLOSED: Failure = { code: "closed", message: "the client was closed; make another one", retryable: false };

/** The next state and its effects; pure. */
export function step(
  state: ConnectionState,
  event: ConnectionEvent,
  moment: Moment,
  settings: ConnectionSettings,
): Step {
  const action = TABLE[state.phase][event.kind];
  switch (action) {
    case "ignore":
      return { state, effects: [] };
    case "connect":
      return connect(state.attempt);
    case "dial":
      return event.kind === "authorized" ? dial(state, event.token, settings) : { state, effects: [] };
    case "greet":
      return greet(state);
    case "enter":
      return event.kind === "welcomed" ? enter(state, event.welcome, moment) : { state, effects: [] };
    case "retry":
      return event.kind === "failed" ? retry(state, event.failure, moment, settings) : { state, effects: [] };
    case "giveUp":
      return retry(state, NO_ANSWER, moment, settings);
    case "move":
      return {
        state: { phase: "authorizing", attempt: 0 },
        effects: [{ kind: "closeSocket", leaving: false }, { kind: "getToken" }],
      };
    case "stop":
      return stop(CLOSED);
  }
}

function connect(attempt: number): Step {
  return { state: { phase: "authorizing", attempt }, effects: [{ kind: "stopTimer" }, { kind: "getToken" }] };
}

function dial({ attempt }: ConnectionState, token: string, settings: ConnectionSettings): Step {
  return {
    state: { phase: "opening", attempt, token },
    effects: [{ kind: "startTimer", delayMs: settings.openTimeoutMs }, { kind: "openSocket" }],
  };
}

function greet({ attempt, token = "" }: ConnectionState): Step {
  return { state: { phase: "greeting", attempt }, effects: [{ kind: "sendHello", token }] };
}

function enter({ attempt }: ConnectionState, welcome: WelcomeFrame, { nowMs }: Moment): Step {
  return { state: { phase: "open", attempt, welcome, sinceMs: nowMs }, effects: [{ kind: "stopTimer" }] };
}

function retry(state: ConnectionState, failure: Failure, moment: Moment, settings: ConnectionSettings): Step {
  if (!failure.retryable) return stop(failure);
  const wasStable = state.sinceMs !== undefined && moment.nowMs - state.sinceMs >= settings.stableMs;
  const attempt = wasStable ? 0 : state.attempt;
  const delayMs = delayAfter(attempt, moment.chance, failure.retryAfterMs, settings);
  return {
    state: { phase: "waiting", attempt: attempt + 1, retryAtMs: moment.nowMs + delayMs, failure },
    effects: [
      { kind: "closeSocket", leaving: false },
      { kind: "startTimer", delayMs },
    ],
  };
}

function stop(failure: Failure): Step {
  return {
    state: { phase: "stopped", attempt: 0, failure },
    effects: [{ kind: "stopTimer" }, { kind: "closeSocket", leaving: true }],
  };
}
