import { setTimeout as delay } from "node:timers/promises";
import { type Client, createClient, type Session } from "@perdure/client";
import type { Asked } from "./orders.ts";
import type { Random } from "./random.ts";

export interface RoomOptions {
  readonly url: string;
  readonly token: string;
  readonly id: string;
  readonly clientCount: number;
  readonly random: Random;
}

/** One connection of one device to one session. */
export interface Device {
  readonly name: string;
  readonly client: Client;
  readonly session: Session;
}

const AGENT_GRACE_MS = 2_000;
const MAX_DELAY_MS = 2_000;
/** Two hundred screens in one process need not be drawn sixty times a second. */
const DRAW_EVERY_MS = 200;
const WORDS = [5, 25] as const;

/** One session, and the devices that are in it. The first asks; the others watch, leave and come anew. */
export class Room {
  readonly id: string;
  readonly asked: Asked[] = [];
  /** What was said to somebody who asked and should have been answered. */
  readonly refusals: string[] = [];
  done = 0;
  isAsking = false;
  readonly #options: RoomOptions;
  readonly #devices: Device[];
  #lives = 0;

  constructor(options: RoomOptions) {
    this.id = options.id;
    this.#options = options;
    this.#devices = Array.from({ length: options.clientCount }, () => this.#device());
  }

  get clients(): readonly Device[] {
    return this.#devices;
  }

  /** Asks, waits for the end of the answer, and asks again, until it is told to end. */
  async ask(ending: AbortSignal): Promise<void> {
    this.isAsking = true;
    try {
      while (!ending.aborted) await this.#askOnce();
    } catch (error) {
      this.refusals.push(`${this.id}: asking ended with ${String(error)}`);
    }
    this.isAsking = false;
  }

  async #askOnce(): Promise<void> {
    const [asker] = this.#devices;
    if (asker === undefined) return;
    const text = `${this.#options.random.between(...WORDS)} ${this.#options.random.between(...WORDS)}`;
    const turn = await asker.session.send(text, { agent: "counter" });
    this.asked.push({ text, runId: turn.runId ?? "" });
    const { run } = await turn.done;
    this.done += 1;
    if (run?.phase !== "completed") {
      this.refusals.push(`${this.id}: run ${run?.id} ended as ${run?.phase} ${run?.code} ${run?.message}`);
    }
  }

  /** One of those who watch leaves, and another device comes, with nothing but the name of the session. */
  replaceOne(): void {
    if (this.#devices.length < 2) return;
    const [gone] = this.#devices.splice(this.#options.random.between(1, this.#devices.length - 1), 1);
    gone?.client.close();
    this.#devices.push(this.#device());
  }

  keepOne(): void {
    for (const { client } of this.#devices.splice(1)) client.close();
  }

  close(): void {
    for (const { client } of this.#devices.splice(0)) client.close();
  }

  #device(): Device {
    const { url, token, id } = this.#options;
    this.#lives += 1;
    const name = `${id} device ${this.#lives}`;
    const client = createClient({
      url,
      getToken: () => token,
      device: name,
      maxDelayMs: MAX_DELAY_MS,
      schedule: (call) => void delay(DRAW_EVERY_MS).then(call),
    });
    return { name, client, session: client.session(id, { agentGraceMs: AGENT_GRACE_MS }) };
  }
}
