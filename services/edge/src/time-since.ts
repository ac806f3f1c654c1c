/** How long ago something was, on a clock that may be put back and a node that may be stopped. Times in milliseconds. */
export class TimeSince {
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** It was just now. */
  begin(nowMs: number): void {
    this.#atMs = nowMs;
  }

  /** Where the clock was put back behind it, time counts from here on. */
  passedMs(nowMs: number): number {
    this.#atMs = Math.min(this.#atMs, nowMs);
    return nowMs - this.#atMs;
  }

  /** The node was stopped for so long, or its clock was put forward: that does not count. */
  forgive(deafMs: number, nowMs: number): void {
    this.#atMs = Math.min(this.#atMs + deafMs, nowMs);
  }
}
