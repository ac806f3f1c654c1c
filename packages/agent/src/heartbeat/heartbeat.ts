import { Worker } from "node:worker_threads";
import type { Logger } from "../logger.ts";

/** What the thread that beats has to know. */
export interface BeatOptions {
  readonly url: string;
  readonly instance: string;
  readonly everyMs: number;
  readonly token: string;
  readonly ca: string | undefined;
}

/** Says to a node that this process lives, whatever its main loop does. */
export interface Heartbeat {
  /** Beats, or goes on beating in another way. */
  beat(options: BeatOptions): void;
  renew(token: string): void;
  stop(): Promise<void>;
}

/** What the thread gets at its start. */
export interface BeatData {
  /** Unix milliseconds at which the main loop last turned. */
  readonly turnedAt: BigInt64Array;
  readonly tickMs: number;
}

/** How often the main loop says that it turns. */
const TICK_MS = 250;

export type BeatMessage =
  | { readonly kind: "beat"; readonly options: BeatOptions }
  | { readonly kind: "renew"; readonly token: string };

/** A thread of its own with a connection of its own. It reads from shared memory when the main loop last turned. */
export class WorkerHeartbeat implements Heartbeat {
  readonly #logger: Logger;
  readonly #turnedAt = new BigInt64Array(new SharedArrayBuffer(8));
  #worker: Worker | undefined;
  #ticking: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  beat(options: BeatOptions): void {
    this.#worker ??= this.#start();
    this.#post({ kind: "beat", options });
  }

  renew(token: string): void {
    this.#post({ kind: "renew", token });
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const turn = (): void => void Atomics.store(this.#turnedAt, 0, BigInt(Date.now()));
    turn();
    this.#ticking = setInterval(turn, TICK_MS);
    const data: BeatData = { turnedAt: this.#turnedAt, tickMs: TICK_MS };
    const script = new URL("./heartbeat-worker.ts", import.meta.url);
    const worker = new Worker(script, { workerData: data });
    worker.on("error", (error: unknown) => this.#logger.error({ err: error }, "the thread that beats has failed"));
    return worker;
  }

  #post(message: BeatMessage): void {
    this.#worker?.postMessage(message);
  }
}
