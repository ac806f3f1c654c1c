/**
 * How many unacknowledged bytes a stream may have in flight, over all its sessions. The node says the limit in its
 * `welcome`. One record is always let through, however long, so that none waits for ever.
 */
export class SendWindow {
  #limitBytes = 0;
  #usedBytes = 0;
  #isWantedMore = false;

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** A new stream: nothing is in flight on it. */
  open(limitBytes: number): void {
    this.#limitBytes = limitBytes;
    this.#usedBytes = 0;
  }

  /** False: there is no room, try again when some bytes have been given back. */
  take(bytes: number): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + bytes > this.#limitBytes) {
      this.#isWantedMore = true;
      return false;
    }
    this.#usedBytes += bytes;
    return true;
  }

  /** Whether somebody has found no room since this was last asked. */
  wantedMore(): boolean {
    const wanted = this.#isWantedMore;
    this.#isWantedMore = false;
    return wanted;
  }

  give(bytes: number): void {
    this.#usedBytes = Math.max(0, this.#usedBytes - bytes);
  }
}
