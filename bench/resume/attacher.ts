import { performance } from "node:perf_hooks";
import type { AttachFrame, Cursor } from "@perdure/protocol";
import { type AttachedFrame, parseServerFrame, PROTOCOL_VERSION } from "@perdure/protocol/frames";
import { RawClient } from "../crowd/raw-client.ts";

/** Below the sessions that an edge lets one connection follow. */
const attachesPerConnection = 60;

/** Attaches to one session after the other, as a client does, and says how long each took. */
export class Attacher {
  readonly #port: number;
  readonly #token: string;
  #client: RawClient | undefined;
  #left = 0;
  #id = 0;
  #onFrame: (text: string) => void = () => undefined;

  constructor(port: number, token: string) {
    this.#port = port;
    this.#token = token;
  }

  /** Until the answer is here, in milliseconds. */
  async attach(session: string, cursor?: Cursor): Promise<{ readonly tookMs: number; readonly answer: AttachedFrame }> {
    const client = await this.#connected();
    this.#left -= 1;
    this.#id += 1;
    const id = this.#id;
    const frame: AttachFrame = { t: "attach", id, session, ...(cursor !== undefined && { cursor }) };
    const startMs = performance.now();
    const answered = this.#next((text) => isAnswer(text, id));
    client.send(JSON.stringify(frame));
    const text = await answered;
    const tookMs = performance.now() - startMs;
    const answer = parseServerFrame(text);
    if (answer === undefined || !("t" in answer) || answer.t !== "attached") throw new Error(`not attached: ${text}`);
    return { tookMs, answer };
  }

  /** A frame to the edge and its answer, with nothing between, in milliseconds. */
  async roundTrip(): Promise<number> {
    const client = await this.#connected();
    const startMs = performance.now();
    const answered = this.#next((text) => text.startsWith('{"t":"pong"'));
    client.send('{"t":"ping"}');
    await answered;
    return performance.now() - startMs;
  }

  close(): void {
    this.#client?.cut();
    this.#client = undefined;
  }

  async #connected(): Promise<RawClient> {
    if (this.#client !== undefined && this.#left > 0) return this.#client;
    this.close();
    const welcomed = this.#next((text) => text.startsWith('{"t":"welcome"'));
    this.#left = attachesPerConnection;
    this.#client = new RawClient({
      port: this.#port,
      path: "/v1/connect",
      onOpen: (client) => client.send(JSON.stringify({ t: "hello", v: PROTOCOL_VERSION, token: this.#token })),
      onText: (payload) => this.#onFrame(payload.toString()),
      onClose: () => undefined,
    });
    await welcomed;
    return this.#client;
  }

  #next(isIt: (text: string) => boolean): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#onFrame = (text) => {
      if (isIt(text)) resolve(text);
    };
    return promise;
  }
}

const isAnswer = (text: string, id: number): boolean =>
  text.startsWith(`{"t":"attached","id":${id},`) || text.startsWith(`{"t":"error","id":${id},`);
