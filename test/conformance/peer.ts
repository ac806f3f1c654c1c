// One WebSocket of a transcript: what came, in order, and whether it fits together.
import { type Bindings, isList, isObject, matched } from "./values.ts";

interface Received {
  readonly frame: unknown;
  /** A step of the transcript has spoken of it. */
  told: boolean;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** How long anything may take: longer than any time that docs/protocol.md names. */
const DEADLINE_MS = 15_000;
/** Who writes for the sake of writing. */
export const FILLER_PRODUCER = "filler";
const PRESENCE_KINDS = new Set(["memberJoined", "memberLeft", "observersCounted"]);

export class Peer {
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;
  readonly #opened: Promise<void>;
  readonly #received: Received[] = [];
  readonly #nextSeqs = new Map<unknown, number>();
  readonly #faults: string[] = [];
  #isClosed = false;
  #wake = (): void => undefined;

  /** `origin`: of the page that it is on, where it is on one. */
  constructor(url: string, origin?: string) {
    // Node's WebSocket takes headers where a browser's does not.
    this.#socket = origin === undefined ? new WebSocket(url) : new WebSocket(url, { headers: { origin } });
    const opened = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<Closed>();
    this.#opened = opened.promise;
    this.closed = closed.promise;
    this.#socket.addEventListener("open", () => opened.resolve());
    this.#socket.addEventListener("error", () => opened.reject(new Error(`no connection to ${url}`)));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#isClosed = true;
      closed.resolve({ code, reason });
      this.#wake();
    });
    this.#socket.addEventListener("message", ({ data }) => {
      const frame: unknown = JSON.parse(String(data));
      this.#count(frame);
      this.#received.push({ frame, told: false });
      this.#wake();
    });
  }

  async send(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#opened;
    this.#socket.send(data);
  }

  async close(code: number): Promise<void> {
    this.#socket.close(code);
    await this.closed;
  }

  /** Waits for a frame as `expected`; answers what its holes stand for. Throws at the deadline, or when it closes without. */
  async expect(expected: unknown, bindings: Bindings): Promise<Bindings> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      for (const received of this.#received) {
        const found = received.told ? undefined : matched(expected, received.frame, bindings);
        if (found === undefined) continue;
        received.told = true;
        return found;
      }
      if (this.#isClosed || deadline.aborted)
        throw new Error(`no frame like ${JSON.stringify(expected)}\n${this.report}`);
      await this.#something(deadline);
    }
  }

  /** What came and no step spoke of, presence and what only fills apart. */
  get untold(): readonly unknown[] {
    return this.#received.filter(({ told, frame }) => !told && !isAside(frame)).map(({ frame }) => frame);
  }

  /** Seqs that were missing or came twice. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get report(): string {
    const lines = this.#received.map(
      ({ told, frame }) => `${told ? "  " : "? "}${JSON.stringify(frame).slice(0, 300)}`,
    );
    return `it had received (? what no step spoke of):\n${lines.join("\n")}`;
  }

  #something(deadline: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    deadline.addEventListener("abort", () => resolve(), { once: true });
    return promise;
  }

  /** What follows an `attached` goes on from its seq, without gap or overlap. */
  #count(frame: unknown): void {
    if (isList(frame)) {
      const [kind, handle, seq, count] = frame;
      return this.#expectSeq(handle, Number(seq), kind === "s" ? Number(count) : 1);
    }
    if (!isObject(frame)) return;
    const { t, h, seq, s, ev } = frame;
    if (t === "attached" || t === "update") this.#nextSeqs.set(h, Number(seq) + 1);
    else if (t === "detached") this.#nextSeqs.delete(h);
    else if (t === "e" && isList(ev)) this.#expectSeq(h, Number(s), ev.length);
  }

  #expectSeq(handle: unknown, seq: number, count: number): void {
    const expected = this.#nextSeqs.get(handle);
    if (expected !== seq) this.#faults.push(`seq ${seq} came where ${expected} was next`);
    this.#nextSeqs.set(handle, seq + count);
  }
}

function isAside(frame: unknown): boolean {
  if (!isObject(frame) || frame["t"] !== "e" || !isList(frame["ev"])) return false;
  if (frame["p"] === FILLER_PRODUCER) return true;
  return frame["ev"].every((event) => isObject(event) && Object.keys(event).every((kind) => PRESENCE_KINDS.has(kind)));
}
