/**
 * How many unacknowledged bytes a stream may have in flight, over all its sessions. The node says the limit in its
 * `welcome`. One record is always let through, so that none waits for ever.
 */
export class SendWindow {
  #limitBytes = 0;
  #maxRecordBytes = Infinity;
  #usedBytes = 0;
  #isWantedMore = false;

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Longest record that the node takes. */
  get maxRecordBytes(): number {
    return this.#maxRecordBytes;
  }

  /** A new stream: nothing is in flight on it. `maxRecordBytes` 0: the node does not say. */
  open(limitBytes: number, maxRecordBytes = 0): void {
    this.#limitBytes = limitBytes;
    this.#maxRecordBytes = maxRecordBytes > 0 ? maxRecordBytes : Infinity;
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
