import { CODES, type Code, isCode } from "@perdure/core";
import type { HeadJson, PageJson } from "@perdure/protocol";
import type { TokenRole } from "@perdure/service-kit";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { tokenOf } from "./tokens.ts";

export interface HttpCall {
  readonly method: "get" | "post";
  readonly url: string;
  readonly body?: object;
  readonly role: TokenRole;
}

/** What an edge says to one. */
export interface HttpAnswer {
  readonly head?: HeadJson;
  readonly page?: PageJson;
  readonly before?: number;
  readonly seq?: number;
  readonly code?: Code;
}

interface Told extends Omit<HttpAnswer, "code"> {
  readonly code?: string;
  readonly retryAfterMs?: number;
}

const isTold = (value: unknown): value is Told => typeof value === "object" && value !== null;

/** Who waits longer than this looks elsewhere. */
const ANSWER_MS = 8_000;

/** A process that calls edges over HTTP: whichever a load balancer chooses, each time. */
export class HttpCaller {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #random: Random;

  constructor(world: World, process: SimProcess, random: Random) {
    this.#world = world;
    this.#process = process;
    this.#random = random;
  }

  /** The answer; asked for again for as long as there is none, or one that says to come again. */
  async call(wanted: HttpCall): Promise<HttpAnswer> {
    for (;;) {
      const told: unknown = JSON.parse((await this.#once(wanted)) ?? '{"code":"unavailable"}');
      if (!isTold(told)) throw new TypeError(`no answer to ${wanted.url}`);
      const { code, retryAfterMs = 0, ...answer } = told;
      if (code === undefined) return answer;
      if (!isCode(code)) throw new TypeError(`${code} is no code`);
      if (!CODES[code].retryable) return { code };
      await this.wait(retryAfterMs + 50, retryAfterMs + 500);
    }
  }

  wait(lowMs: number, highMs: number): Promise<void> {
    return new Promise((resolve) => void this.#process.after(this.#random.between(lowMs, highMs), resolve));
  }

  /** Undefined: no edge was reached, or it gave no answer. */
  #once({ method, url, body, role }: HttpCall): Promise<string | undefined> {
    const process = this.#process;
    const { wires, issuer } = this.#world;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const authorization = `Bearer ${tokenOf({ participant: process.name, role }, issuer, process.clock.now())}`;
    wires.connect(process, "http.edge.any", (wire) => {
      if (wire === undefined) return resolve(undefined);
      const over = (answer?: string): void => {
        cancel();
        wire.close();
        resolve(answer);
      };
      const cancel = process.after(ANSWER_MS, () => over());
      wire.listener = { onPacket: ({ text }) => over(text), onClosed: () => over() };
      const fields = { method, url, host: "localhost", authorization };
      wire.send({ kind: "request", fields, ...(body !== undefined && { text: JSON.stringify(body) }) });
    });
    return promise;
  }
}
