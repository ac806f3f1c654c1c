import { type HeadJson, type PageJson, sessionKey } from "@perdure/protocol";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { type HttpAnswer, HttpCaller } from "./http-call.ts";
import type { Recorder } from "./recorder.ts";
import { TENANT } from "./tokens.ts";

const ROLES = [
  { role: "user", level: "all" },
  { role: "operator", level: "staff" },
] as const;

const NAME = "hal";

/** What it writes of one session. */
interface Lane {
  readonly producer: string;
  readonly born: number;
  number: number;
}

/**
 * Somebody who has HTTP only, for as long as the world lasts: reads a session's state, and from there its past page by
 * page back to the first event, and writes a line now and then, each time at the edge that a load balancer chooses.
 */
export class Historian {
  readonly #world: World;
  readonly #sessions: readonly string[];
  readonly #recorder: Recorder;
  readonly #random: Random;
  /** By session: how far it was when this was last told. */
  readonly #told = new Map<string, number>();
  readonly #lanes = new Map<string, Lane>();

  constructor(world: World, sessions: readonly string[], recorder: Recorder) {
    this.#world = world;
    this.#sessions = sessions;
    this.#recorder = recorder;
    this.#random = world.random.stream(NAME);
  }

  start(): void {
    const process = this.#world.start(NAME);
    const caller = new HttpCaller(this.#world, process, this.#random);
    process.after(0, () => void this.#goOn(caller));
  }

  async #goOn(caller: HttpCaller): Promise<never> {
    for (;;) {
      await caller.wait(200, 3_000);
      const id = this.#random.of(this.#sessions);
      if (this.#random.chance(0.3)) await this.#write(caller, id);
      await this.#walk(caller, id, this.#random.of(ROLES));
    }
  }

  async #walk(caller: HttpCaller, id: string, { role, level }: (typeof ROLES)[number]): Promise<void> {
    const url = urlOf(id);
    const { head, ...told } = await caller.call({ method: "get", url, role });
    if (head === undefined) return this.#refused(id, url, told);
    this.#isAt(id, head.seq);
    const pages: PageJson[] = [];
    let before = head.nextPage;
    while (before !== undefined) {
      const past = `${url}/history?before=${before}`;
      const answer: HttpAnswer = await caller.call({ method: "get", url: past, role });
      if (answer.page === undefined) this.#refused(id, past, answer);
      else pages.unshift(answer.page);
      ({ before } = answer);
      if (this.#random.chance(0.2)) await caller.wait(0, 1_500);
    }
    this.#recorder.walked.push({ sessionKey: sessionKey(TENANT, id), level, head, pages });
  }

  /** Under the same number until its outcome is known. */
  async #write(caller: HttpCaller, id: string): Promise<void> {
    const born = this.#told.get(id);
    if (born === undefined) return;
    const lane = this.#lanes.get(id) ?? { producer: this.#random.uuid(), born, number: 0 };
    this.#lanes.set(id, lane);
    lane.number += 1;
    const { producer, number } = lane;
    const body = { producer, number, born: lane.born, events: lineOf(producer, number) };
    const url = `${urlOf(id)}/records`;
    const { seq, code } = await caller.call({ method: "post", url, body, role: "user" });
    // The session has forgotten this writer: it goes on as another one.
    if (code === "producer_expired") this.#lanes.delete(id);
    else if (seq === undefined) this.#refused(id, url, { ...(code !== undefined && { code }) });
    else {
      this.#recorder.told.push({
        sessionKey: sessionKey(TENANT, id),
        producer,
        number,
        verdict: { kind: "duplicate", seq },
      });
      this.#isAt(id, seq);
    }
  }

  /** Whoever asks again, at whichever node, is shown what there was, and what has come since. */
  #isAt(id: string, seq: HeadJson["seq"] = 0): void {
    const told = this.#told.get(id) ?? 0;
    if (seq < told) this.#recorder.fault(`kept: ${NAME} is told that ${id} is at ${seq}, and was told ${told}`);
    this.#told.set(id, Math.max(seq, told));
  }

  /** Nothing that it asks for is to be refused for good; but a session has to begin. */
  #refused(id: string, url: string, { code }: HttpAnswer): void {
    if (code === "session_not_found" && !this.#told.has(id)) return;
    const invariant = code === "history_lost" || code === undefined ? "resume" : "greeted";
    this.#recorder.fault(`${invariant}: ${NAME} is told ${code ?? "nothing"} of ${url}`);
  }
}

const urlOf = (id: string): string => `/v1/sessions/${id}`;

/** A message whose text names the record. */
function lineOf(producer: string, number: number) {
  const messageId = `${producer}:${number}:0`;
  return [
    { messageOpened: { role: "MESSAGE_ROLE_USER" } },
    { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text: `line ${number}` }, complete: true } },
    { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
  ];
}
