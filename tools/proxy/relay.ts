import type { Socket } from "node:net";

/** Two sockets whose bytes go over to each other, until either closes or they are cut. */
export class Relay {
  readonly #ways: readonly [Way, Way];
  readonly #onEnd: (wasCut: boolean) => void;
  #ended = false;

  constructor(client: Socket, server: Socket, onEnd: (wasCut: boolean) => void) {
    this.#onEnd = onEnd;
    this.#ways = [new Way(client, server, () => this.cut()), new Way(server, client, () => this.cut())];
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => this.#end(false));
      socket.on("close", () => this.#end(false));
    }
  }

  cut(): void {
    this.#end(true);
  }

  /** Cuts as soon as this many more bytes have gone one way or the other; what comes after them is lost. */
  cutWithin(toServerBytes: number, toClientBytes: number): void {
    const [toServer, toClient] = this.#ways;
    toServer.bytesLeft = toServerBytes;
    toClient.bytesLeft = toClientBytes;
  }

  hold(): void {
    for (const way of this.#ways) way.hold();
  }

  release(): void {
    for (const way of this.#ways) way.release();
  }

  #end(wasCut: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const way of this.#ways) way.from.destroy();
    this.#onEnd(wasCut);
  }
}

/** One direction of a relay. */
class Way {
  readonly from: Socket;
  readonly #to: Socket;
  readonly #onSpent: () => void;
  bytesLeft = Infinity;
  #held = false;
  #full = false;

  constructor(from: Socket, to: Socket, onSpent: () => void) {
    this.from = from;
    this.#to = to;
    this.#onSpent = onSpent;
    from.on("data", (chunk: Buffer) => this.#pass(chunk));
    from.on("end", () => to.end());
    to.on("drain", () => {
      this.#full = false;
      this.#flow();
    });
  }

  hold(): void {
    this.#held = true;
    this.#flow();
  }

  release(): void {
    this.#held = false;
    this.#flow();
  }

  #pass(chunk: Buffer): void {
    if (chunk.length > this.bytesLeft) {
      this.from.pause();
      this.#to.write(chunk.subarray(0, this.bytesLeft), this.#onSpent);
      return;
    }
    this.bytesLeft -= chunk.length;
    this.#full = !this.#to.write(chunk);
    this.#flow();
  }

  #flow(): void {
    if (this.#held || this.#full) this.from.pause();
    else this.from.resume();
  }
}
