import type { Clock } from "@perdure/service-kit";
import { encodeFrame } from "@perdure/protocol";
import type { Attachment } from "./attachment.ts";
import type { EdgeMetrics } from "./metrics.ts";
import { TimeSince } from "./time-since.ts";
import type { Turns } from "./turns.ts";
import type { Updates } from "./updates.ts";

export interface CatchUpOptions {
  readonly clock: Clock;
  readonly turns: Turns;
  readonly updates: Updates;
  readonly metrics: EdgeMetrics;
  readonly send: (text: string) => void;
  /** So little waits that something large may go out. */
  readonly isLow: () => boolean;
}

interface Pause {
  /** The client has, or is about to get, everything up to here. */
  seq: number;
  /** It was told `lagging`. */
  readonly told: boolean;
}

/**
 * The sessions of one connection that are not sent to it, since too much waits for it already. Once that has gone out it
 * gets what it lacks of each, in one piece made at that moment, however much happened meanwhile.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #paused = new Map<Attachment, Pause>();
  #tellingCount = 0;
  #scheduled = false;
  /** It last had taken what waited, or had to begin to. */
  readonly #sinceTaken: TimeSince;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#sinceTaken = new TimeSince(options.clock.now());
  }

  /** For how long it has not taken what waits for it, in milliseconds. */
  stuckMs(nowMs: number): number {
    const stuckMs = this.#sinceTaken.passedMs(nowMs);
    return this.#paused.size === 0 ? 0 : stuckMs;
  }

  /** The node could not send for so long, or its clock was put forward. */
  forgive(deafMs: number, nowMs: number): void {
    this.#sinceTaken.forgive(deafMs, nowMs);
  }

  /** Too much waits: tells the client that it lags, and sends it no more of the session. */
  fallBehind(attachment: Attachment): void {
    if (this.#paused.has(attachment)) return;
    const { room } = attachment;
    this.#pause(attachment, { seq: room.publishedSeq, told: true });
    this.#options.send(encodeFrame({ t: "lagging", h: room.handle }));
  }

  /** An answer to an attach has gone out that covers everything up to `seq`. A large one goes before what follows it. */
  answered(attachment: Attachment, seq: number): void {
    this.forget(attachment);
    if (this.#options.isLow()) attachment.room.resume(attachment);
    else this.#pause(attachment, { seq, told: false });
  }

  forget(attachment: Attachment): void {
    const pause = this.#paused.get(attachment);
    if (pause === undefined) return;
    this.#paused.delete(attachment);
    if (pause.told) this.#countTelling(-1);
  }

  /** Goes on where little waits: one session a turn. */
  run(): void {
    if (this.#scheduled || this.#paused.size === 0 || !this.#options.isLow()) return;
    this.#scheduled = true;
    this.#options.turns.add(() => {
      this.#scheduled = false;
      this.#next();
    });
  }

  #pause(attachment: Attachment, pause: Pause): void {
    if (this.#paused.size === 0) this.#sinceTaken.begin(this.#options.clock.now());
    this.#paused.set(attachment, pause);
    if (pause.told) this.#countTelling(1);
    attachment.room.pause(attachment);
  }

  #next(): void {
    const { clock, isLow } = this.#options;
    const [waiting] = this.#paused;
    if (waiting === undefined || !isLow()) return;
    this.#sinceTaken.begin(clock.now());
    const [attachment, pause] = waiting;
    this.#update(attachment, pause);
    if (isLow()) this.#goOn(attachment, pause);
    else this.#putLast(attachment, pause);
    this.run();
  }

  #update({ room, level }: Attachment, pause: Pause): void {
    const { send, updates, metrics } = this.#options;
    const update = updates.since(room, level, pause.seq);
    if (update === undefined) return;
    pause.seq = update.seq;
    send(update.text);
    metrics.updated(update.how);
  }

  #goOn(attachment: Attachment, { told }: Pause): void {
    const { room } = attachment;
    this.forget(attachment);
    room.resume(attachment);
    if (told) this.#options.send(encodeFrame({ t: "caught_up", h: room.handle }));
  }

  #putLast(attachment: Attachment, pause: Pause): void {
    if (this.#paused.delete(attachment)) this.#paused.set(attachment, pause);
  }

  #countTelling(change: 1 | -1): void {
    const before = this.#tellingCount;
    this.#tellingCount += change;
    if (before === 0) this.#options.metrics.lagging(1);
    else if (this.#tellingCount === 0) this.#options.metrics.lagging(-1);
  }
}
