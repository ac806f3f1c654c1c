import { CODES, isCode } from "@perdure/core";
import { type HeadJson, type PageJson, sessionKey } from "@perdure/protocol";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { httpGet } from "./http-call.ts";
import type { Recorder } from "./recorder.ts";
import { TENANT, tokenOf } from "./tokens.ts";

/** What the edge says to a GET of a session, or of its past. */
interface Answer {
  readonly head?: HeadJson;
  readonly page?: PageJson;
  readonly before?: number;
  readonly code?: string;
  readonly retryAfterMs?: number;
}

const isAnswer = (value: unknown): value is Answer => typeof value === "object" && value !== null;

const ROLES = [
  { role: "user", level: "all" },
  { role: "operator", level: "staff" },
] as const;

const NAME = "hal";

/**
 * Reads over HTTP, for as long as the world lasts: a session's state, and from there its past page by page back to the
 * first event, each from the node that a load balancer happens to choose.
 */
export class Historian {
  readonly #world: World;
  readonly #sessions: readonly string[];
  readonly #recorder: Recorder;
  readonly #random: Random;
  /** By session: how far it was when this was last told. */
  readonly #told = new Map<string, number>();

  constructor(world: World, sessions: readonly string[], recorder: Recorder) {
    this.#world = world;
    this.#sessions = sessions;
    this.#recorder = recorder;
    this.#random = world.random.stream(NAME);
  }

  start(): void {
    const process = this.#world.start(NAME);
    process.after(0, () => void this.#readOn(process));
  }

  async #readOn(process: SimProcess): Promise<never> {
    for (;;) {
      await this.#wait(process, 200, 3_000);
      await this.#walk(process, this.#random.of(this.#sessions), this.#random.of(ROLES));
    }
  }

  async #walk(process: SimProcess, id: string, { role, level }: (typeof ROLES)[number]): Promise<void> {
    const url = `/v1/sessions/${id}`;
    const { head } = await this.#get(process, url, role);
    if (head === undefined) return;
    this.#judge(id, head);
    const pages: PageJson[] = [];
    let before = head.nextPage;
    while (before !== undefined) {
      const answer: Answer = await this.#get(process, `${url}/history?before=${before}`, role);
      ({ before } = answer);
      if (answer.page !== undefined) pages.unshift(answer.page);
      if (this.#random.chance(0.2)) await this.#wait(process, 0, 1_500);
    }
    this.#recorder.walked.push({ sessionKey: sessionKey(TENANT, id), level, head, pages });
  }

  /** Whoever asks again, at whichever node, is shown what there was, and what has come since. */
  #judge(id: string, { seq = 0 }: HeadJson): void {
    const told = this.#told.get(id) ?? 0;
    if (seq < told) this.#recorder.fault(`kept: ${NAME} is shown ${id} at ${seq}, and was shown it at ${told}`);
    this.#told.set(id, Math.max(seq, told));
  }

  /** The answer, asked for until there is one. Empty: there is no such session yet. */
  async #get(process: SimProcess, url: string, role: (typeof ROLES)[number]["role"]): Promise<Answer> {
    for (;;) {
      const token = tokenOf({ participant: NAME, role }, this.#world.issuer, process.clock.now());
      const { status, text } = (await httpGet(this.#world.wires, process, url, token)) ?? { status: 503, text: "{}" };
      const answer: unknown = JSON.parse(text);
      if (!isAnswer(answer)) throw new TypeError(`no answer: ${text.slice(0, 80)}`);
      if (status === 200) return answer;
      const { code = "unavailable", retryAfterMs = 0 } = answer;
      if (code === "session_not_found") return {};
      if (!isCode(code) || !CODES[code].retryable) {
        this.#recorder.fault(`${code === "history_lost" ? "resume" : "greeted"}: ${NAME} is told ${code} of ${url}`);
      }
      await this.#wait(process, retryAfterMs + 50, retryAfterMs + 500);
    }
  }

  #wait(process: SimProcess, lowMs: number, highMs: number): Promise<void> {
    return new Promise((resolve) => void process.after(this.#random.between(lowMs, highMs), resolve));
  }
}
