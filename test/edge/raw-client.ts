import type { ClientFrame, ServerFrame } from "@perdure/protocol/frames";
import { parseServerFrame } from "@perdure/protocol/frames";

type Kind = Extract<ServerFrame, { readonly t: string }>["t"];
type FrameOf<K extends Kind> = Extract<ServerFrame, { readonly t: K }>;

/** A client that speaks the protocol and nothing more: sends what a test says, and keeps what came. */
export class RawClient {
  readonly frames: ServerFrame[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: WebSocket;
  readonly opened: Promise<void>;
  readonly #waiting = new Set<() => void>();

  constructor(url: string, origin?: string) {
    // Node's WebSocket takes headers where a browser's does not.
    this.#socket = origin === undefined ? new WebSocket(url) : new WebSocket(url, { headers: { origin } });
    const closed = Promise.withResolvers<{ code: number; reason: string }>();
    const opened = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.opened = opened.promise;
    this.#socket.addEventListener("open", () => opened.resolve());
    this.#socket.addEventListener("close", ({ code, reason }) => {
      closed.resolve({ code, reason });
      for (const check of this.#waiting) check();
    });
    this.#socket.addEventListener("message", ({ data }) => {
      const frame = parseServerFrame(String(data));
      if (frame !== undefined) this.frames.push(frame);
      for (const check of this.#waiting) check();
    });
  }

  async send(frame: ClientFrame | Readonly<Record<string, unknown>>): Promise<void> {
    await this.sendText(JSON.stringify(frame));
  }

  async sendText(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.opened;
    this.#socket.send(data);
  }

  async hello(token: string): Promise<FrameOf<"welcome">> {
    await this.send({ t: "hello", v: 1, token });
    return this.next("welcome");
  }

  /** Waits for a frame that is not `seen` yet. Rejects when the connection closes first. */
  async find<Found>(look: (frames: readonly ServerFrame[]) => Found | undefined): Promise<Found> {
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    const check = (): void => {
      const found = look(this.frames);
      if (found !== undefined) resolve(found);
    };
    this.#waiting.add(check);
    check();
    void this.closed.then(({ code, reason }) => {
      check();
      reject(new Error(`closed with ${code} ${reason}; had ${JSON.stringify(this.frames)}`));
    });
    return promise.finally(() => this.#waiting.delete(check));
  }

  /** The first frame of this kind that matches. */
  next<K extends Kind>(kind: K, matches: (frame: FrameOf<K>) => boolean = () => true): Promise<FrameOf<K>> {
    return this.find((frames) => frames.filter(isKind(kind)).find(matches));
  }

  close(code?: number): void {
    this.#socket.close(code);
  }
}

const isKind =
  <K extends Kind>(kind: K) =>
  (frame: ServerFrame): frame is FrameOf<K> =>
    "t" in frame && frame.t === kind;
