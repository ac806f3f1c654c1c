import { performance } from "node:perf_hooks";
import { type ClientFrame, parseServerFrame, PROTOCOL_VERSION } from "@perdure/protocol/frames";
import { Samples } from "../latency/samples.ts";

/** Every token is as long as this, so that merged ones can be taken apart. */
const tokenLength = 10;

/** Clients that take everything at once, and how long each token took to each of them. */
export class FastReaders {
  readonly #sockets: WebSocket[] = [];
  #sentMs: number[] = [];
  #samples = new Samples();
  #arrivedCount = 0;
  #onAll: (() => void) | undefined;

  async open(count: number, url: string, token: string, session: string): Promise<void> {
    for (let index = 0; index < count; index += 1) await this.#follow(url, token, session);
  }

  /** A token that says which one it is; its clock starts now. */
  next(): string {
    this.#sentMs.push(performance.now());
    return String(this.#sentMs.length - 1).padStart(tokenLength - 1, "0") + " ";
  }

  /** Resolves to what was measured since the last time, once everybody has everything. */
  async settled(): Promise<Samples> {
    if (this.#arrivedCount < this.#sentMs.length * this.#sockets.length) {
      await new Promise<void>((resolve) => {
        this.#onAll = resolve;
      });
    }
    const samples = this.#samples;
    this.#samples = new Samples();
    this.#sentMs = [];
    this.#arrivedCount = 0;
    return samples;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #follow(url: string, token: string, session: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = new WebSocket(url);
    this.#sockets.push(socket);
    const say = (frame: ClientFrame): void => socket.send(JSON.stringify(frame));
    socket.onopen = () => say({ t: "hello", v: PROTOCOL_VERSION, token });
    socket.onerror = () => reject(new Error(`the edge at ${url} cannot be reached`));
    socket.onmessage = ({ data }) => {
      const frame = parseServerFrame(String(data));
      if (frame === undefined) return;
      if (!("t" in frame)) return frame[0] === "a" ? this.#arrived(frame[5]) : undefined;
      if (frame.t === "welcome") say({ t: "attach", id: 1, session });
      else if (frame.t === "attached") resolve();
      else if (frame.t === "error") reject(new Error(`a fast reader was refused: ${frame.code}`));
      else if (frame.t === "lagging") throw new Error("the fast readers are not fast enough: use fewer");
    };
    return promise;
  }

  #arrived(text: string): void {
    const nowMs = performance.now();
    for (let start = 0; start < text.length; start += tokenLength) {
      const sentMs = this.#sentMs[Number(text.slice(start, start + tokenLength))];
      if (sentMs === undefined) throw new Error(`this is no token of the series: ${text}`);
      this.#samples.add(nowMs - sentMs);
      this.#arrivedCount += 1;
    }
    if (this.#arrivedCount === this.#sentMs.length * this.#sockets.length) this.#onAll?.();
  }
}
