import type { Clock } from "../clock.ts";
import type { BeatOptions } from "./heartbeat.ts";

/** One open stream of beats. */
export interface BeatStream {
  readonly send: (instance: string, loopDelayMs: number) => void;
  readonly drop: () => void;
}

export interface BeatListener {
  /** Whether the node that answers has the instance's stream. */
  onAnswer(known: boolean): void;
  onClosed(): void;
}

export interface BeaterOptions {
  readonly clock: Clock;
  random(): number;
  open(options: BeatOptions, listener: BeatListener): BeatStream;
  /** How long the main loop is behind. */
  loopDelayMs(): number;
}

/** Longest wait before another try to reach the node that holds the instance's stream. */
const RETRY_CEILING_MS = 250;

/**
 * Beats on a connection of its own. A load balancer may lead to another node than the stream's: it answers that it does
 * not know the instance, and the next try may find the right one.
 */
export class Beater {
  readonly #options: BeaterOptions;
  #beat: BeatOptions | undefined;
  #stream: BeatStream | undefined;
  #cancelNext: (() => void) | undefined;

  constructor(options: BeaterOptions) {
    this.#options = options;
  }

  /** Beats so from now on, on a new connection. */
  beat(options: BeatOptions): void {
    this.#beat = options;
    this.#reopen();
  }

  /** The token of the next connection. */
  renew(token: string): void {
    if (this.#beat !== undefined) this.#beat = { ...this.#beat, token };
  }

  #reopen(): void {
    this.#leave();
    const beat = this.#beat;
    if (beat === undefined) return;
    const stream = this.#options.open(beat, {
      onAnswer: (known) => {
        if (!known && this.#stream === stream) this.#retry();
      },
      onClosed: () => {
        if (this.#stream === stream) this.#retry();
      },
    });
    this.#stream = stream;
    this.#send(beat, stream);
  }

  #send(beat: BeatOptions, stream: BeatStream): void {
    stream.send(beat.instance, this.#options.loopDelayMs());
    this.#cancelNext = this.#options.clock.after(beat.everyMs, () => this.#send(beat, stream));
  }

  #retry(): void {
    this.#leave();
    this.#cancelNext = this.#options.clock.after(this.#options.random() * RETRY_CEILING_MS, () => this.#reopen());
  }

  #leave(): void {
    this.#cancelNext?.();
    const stream = this.#stream;
    // What the stream says while it is dropped is heard no more: it would begin a second round of tries.
    this.#stream = undefined;
    stream?.drop();
  }
}
