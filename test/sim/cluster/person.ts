import { isCode, PerdureError } from "@perdure/core";
import { sessionKey } from "@perdure/protocol";
import type { TokenRole } from "@perdure/service-kit";
import { type Client, createClient } from "../../../packages/client/src/index.ts";
import { type KeyValueStore, memoryStore } from "../../../packages/client/src/environment.ts";
import type { Ask } from "../../../packages/client/src/ask.ts";
import type { Session } from "../../../packages/client/src/session.ts";
import type { Turn } from "../../../packages/client/src/turn.ts";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { doTask, giveFloorBack, type Task } from "./desk.ts";
import { Reader } from "./reader.ts";
import type { Level, Recorder, Sent } from "./recorder.ts";
import { TENANT, tokenOf } from "./tokens.ts";
import { Walker } from "./walker.ts";
import { webSocketOf } from "./web-socket.ts";

/** A tab that forgets: each session begins without a cursor. */
const NOTHING_KEPT: KeyValueStore = {
  getItem: () => null,
  setItem: () => undefined,
  removeItem: () => undefined,
  key: () => null,
  length: 0,
};

const ANSWER_MS = 1_500;
const FLAP_MS = 250;
/** The agent that people ask. */
export const AGENT = "helper";

interface Life {
  readonly process: SimProcess;
  readonly client: Client;
  readonly reader: Reader;
  readonly walker: Walker | undefined;
  readonly sessions: Map<string, Session>;
  readonly turns: Turn[];
}

/** Somebody with a page open: the real client, on a simulated network. */
export class Person {
  readonly name: string;
  readonly #world: World;
  readonly #role: TokenRole;
  readonly #recorder: Recorder;
  readonly #random: Random;
  #life: Life | undefined;
  #lives = 0;
  #said = 0;

  constructor(name: string, role: TokenRole, world: World, recorder: Recorder) {
    this.name = name;
    this.#role = role;
    this.#world = world;
    this.#recorder = recorder;
    this.#random = world.random.stream(name);
  }

  get canWrite(): boolean {
    return this.#role !== "observer";
  }

  get process(): SimProcess | undefined {
    return this.#life?.process;
  }

  get reader(): Reader | undefined {
    return this.#life?.reader;
  }

  /** Whether it waits for a page of the past that does not come. */
  get isStuck(): boolean {
    return this.#life?.walker?.isStuck === true;
  }

  /** Whether the session is open in the page. */
  hasOpen(key: string): boolean {
    return [...(this.#life?.sessions.keys() ?? [])].some((id) => sessionKey(TENANT, id) === key);
  }

  /** The sessions that are open in the page and do not show what is, with why. */
  *unattached(): Iterable<readonly [id: string, why: string]> {
    for (const [id, { status }] of this.#life?.sessions ?? []) {
      if (status.state !== "live") yield [id, `${status.state} ${status.code ?? ""}`];
    }
  }

  /** Opens a page that follows the sessions. */
  open(sessions: readonly string[]): void {
    if (this.#life !== undefined) return;
    this.#lives += 1;
    const process = this.#world.start(this.name);
    process.after(0, () => {
      this.#life = this.#begin(process);
      for (const id of sessions) this.#follow(this.#life, id);
    });
  }

  /** The page is gone, and what it had on its way with it. */
  kill(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#world.kill(life.process);
  }

  /** Leaves a session in good order, or comes to it. */
  toggle(id: string): void {
    this.#inPage((life) => {
      const session = life.sessions.get(id);
      if (session === undefined) return this.#follow(life, id);
      life.sessions.delete(id);
      session.close();
    });
  }

  /** Leaves and comes so many times in a row: whoever is away meanwhile has many to forget. */
  flap(id: string, times: number): void {
    for (let turn = 0; turn < times; turn += 1) {
      this.#inPage((life) => this.#after(life, turn * FLAP_MS, () => this.toggle(id)));
    }
  }

  /** Says something, to the agent or to nobody in particular. */
  say(id: string, asks: boolean, length: number, toStaff: boolean): void {
    this.#inPage((life) => {
      const session = life.sessions.get(id);
      if (session === undefined) return;
      this.#said += 1;
      const text = `${this.name} ${this.#said} ${"words ".repeat(length)}`;
      const sent: Sent = {
        person: this.name,
        isOpen: () => this.#life === life && life.sessions.get(id) === session,
        sessionKey: sessionKey(TENANT, id),
        text,
        outcome: undefined,
        messageId: undefined,
      };
      this.#recorder.sent.push(sent);
      session.send(text, { agent: asks ? AGENT : false, audience: toStaff ? "staff" : "all" }).then(
        (turn) => {
          if (this.#life !== life) return;
          sent.outcome = "accepted";
          sent.messageId = turn.messageId;
          if (turn.runId !== undefined) life.turns.push(turn);
        },
        (error: unknown) => {
          if (this.#life !== life) return;
          sent.outcome = error instanceof PerdureError ? error.code : "internal";
          if (!isCode(sent.outcome)) this.#recorder.fault(`explicit: ${this.name} was refused with ${sent.outcome}`);
        },
      );
    });
  }

  /** Does something beside talking. */
  work(id: string, task: Task): void {
    this.#inPage((life) => {
      const session = life.sessions.get(id);
      if (session === undefined) return;
      const counted = (): void => {
        if (this.#life === life) this.#recorder.counted(sessionKey(TENANT, id));
      };
      if (task === "count") this.#recorder.counting(sessionKey(TENANT, id));
      doTask(session, task, this.#random, counted).catch(() => undefined);
    });
  }

  /** Signals the latest run that it asked for. */
  signal(kind: "cancel" | "steer" | "pause"): void {
    this.#inPage((life) => {
      const turn = life.turns.at(-1);
      if (turn === undefined) return;
      const sent = kind === "cancel" ? turn.cancel() : kind === "pause" ? turn.pause() : turn.steer("only direct");
      sent.catch(() => undefined);
      if (kind === "pause") this.#after(life, 2_000, () => void turn.resume().catch(() => undefined));
    });
  }

  get #level(): Level {
    return this.#role === "operator" ? "staff" : "all";
  }

  #begin(process: SimProcess): Life {
    const reader = new Reader(`${this.name}.${this.#lives}`, this.#level, this.#recorder);
    const random = this.#random.stream(`life ${this.#lives}`);
    const client = createClient({
      url: "ws://edge.any/v1/connect",
      getToken: () => tokenOf({ participant: this.name, role: this.#role }, this.#world.issuer, process.clock.now()),
      webSocket: webSocketOf(process, this.#world.wires, reader),
      storage: { tab: NOTHING_KEPT, device: memoryStore() },
      clock: process.clock,
      random: () => random.next(),
      schedule: (call) => void process.after(1, call),
      page: random.uuid().replaceAll("-", ""),
      device: "sim",
    });
    client.onReport(({ code, message }) => {
      if (code === "internal") this.#recorder.fault(`resume: ${this.name}'s client reports: ${message}`);
    });
    // Its token is good: whatever it is told, it has to be let in again.
    client.onStatus(({ state, code = "" }) => {
      if (state === "refused") this.#recorder.fault(`greeted: ${this.name} is told ${code}, and is out for good`);
    });
    const sessions = new Map<string, Session>();
    const walker = this.#role === "user" ? undefined : this.#walker(process, sessions);
    return { process, client, reader, walker, sessions, turns: [] };
  }

  #walker(process: SimProcess, sessions: Life["sessions"]): Walker {
    const random = this.#random.stream(`walks of life ${this.#lives}`);
    return new Walker({ name: this.name, level: this.#level, process, random, sessions, recorder: this.#recorder });
  }

  #follow(life: Life, id: string): void {
    const session = life.client.session(id, { title: id, defaultAgent: AGENT });
    life.sessions.set(id, session);
    session.onRequest((ask) => this.#answerLater(life, ask));
    if (this.#role === "operator") giveFloorBack(session, this.#random, (ms, call) => this.#after(life, ms, call));
  }

  #answerLater(life: Life, ask: Ask): void {
    this.#after(life, this.#random.between(100, ANSWER_MS), () => {
      ask.answer(this.#random.of(["yes", "no"])).catch(() => undefined);
    });
  }

  #after(life: Life, delayMs: number, call: () => void): void {
    life.process.after(delayMs, call);
  }

  #inPage(act: (life: Life) => void): void {
    const life = this.#life;
    life?.process.after(0, () => act(life));
  }
}
