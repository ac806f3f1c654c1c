import { setTimeout as sleep } from "node:timers/promises";
import { pace } from "../latency/pacer.ts";
import { Samples } from "../latency/samples.ts";
import { FastReaders } from "./fast-readers.ts";
import { SlowCrowd } from "./slow-crowd.ts";
import type { Stage } from "./stage.ts";

/** A process that delivers a session to WebSockets. */
export interface Sender {
  readonly port: number;
  /** How many of its clients are sent no more, since too much waits for them. */
  laggingCount(): Promise<number>;
}

export interface LaneOptions {
  readonly name: string;
  readonly sender: Sender;
  readonly stage: Stage;
  readonly token: string;
  readonly slowCount: number;
  /** What may wait for a client of the sender. */
  readonly bufferedBytes: number;
  readonly roundMs: number;
}

export const fastCount = 20;
export const tokensPerSecond = 100;
export const trickleBytes = 512;
const warmUpMs = 2_000;
const catchUpMs = 3_000;
/** Presence is written, and what was freed is given back. */
const settleMs = 3_000;

/** Fast and slow readers of one sender, and what its tokens took to the fast ones. */
export class Lane {
  alone = new Samples();
  beside = new Samples();
  catchingUp = new Samples();
  readonly #options: LaneOptions;
  readonly #fast = new FastReaders();
  readonly #slow: SlowCrowd;

  constructor(options: LaneOptions) {
    const { sender, stage, token } = options;
    this.#options = options;
    this.#slow = new SlowCrowd(sender.port, stage.session, token);
  }

  get name(): string {
    return this.#options.name;
  }

  async open(): Promise<void> {
    const { sender, stage, token } = this.#options;
    await this.#fast.open(fastCount, `ws://127.0.0.1:${sender.port}/v1/connect`, token, stage.session);
    await this.#stream(warmUpMs);
  }

  async withoutSlow(): Promise<void> {
    this.alone.addAll(await this.#stream(this.#options.roundMs));
  }

  /** The slow readers come, lag, catch up and go; the calls are made while they are attached, and while they lag. */
  async withSlow(onAttached: () => void, onLagging: () => void): Promise<void> {
    const { roundMs } = this.#options;
    await this.#lag(onAttached);
    this.beside.addAll(await this.#stream(roundMs));
    onLagging();
    const drained = this.#slow.drain();
    this.catchingUp.addAll(await this.#stream(catchUpMs));
    await drained;
    await this.#slow.disconnect();
    await sleep(settleMs);
  }

  /** What was measured so far is not to count. */
  forget(): void {
    this.alone = new Samples();
    this.beside = new Samples();
    this.catchingUp = new Samples();
  }

  async close(): Promise<void> {
    await this.#slow.end();
    this.#fast.close();
  }

  /** The slow readers come, and more happens than may wait for them. */
  async #lag(onAttached: () => void): Promise<void> {
    const { slowCount, sender, stage, bufferedBytes } = this.#options;
    await this.#slow.open(slowCount);
    await this.#slow.trickle(trickleBytes);
    await sleep(settleMs);
    onAttached();
    await stage.flood(bufferedBytes);
    while ((await sender.laggingCount()) < slowCount) await stage.flood(bufferedBytes / 4);
    await sleep(settleMs);
  }

  async #stream(durationMs: number): Promise<Samples> {
    const written: Promise<void>[] = [];
    await pace(tokensPerSecond, durationMs, () => written.push(this.#options.stage.token(this.#fast.next())));
    await Promise.all(written);
    return this.#fast.settled();
  }
}
