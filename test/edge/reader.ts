import { Mirror } from "@perdure/client/testing";
import { canonical, type Level, project, type FollowedState } from "@perdure/core";
import type { Edge } from "@perdure/edge";
import type { HeadJson, PageJson } from "@perdure/protocol";
import type { AttachedFrame, Cursor, ServerFrame } from "@perdure/protocol/frames";
import { RawClient } from "./raw-client.ts";
import { token, urlOf } from "./support.ts";

const families = ["messages", "runs", "requests", "controls"] as const;

/**
 * A client of one session that keeps what it has seen and comes back with a cursor, to any edge. What it gets must go on
 * exactly where it stopped: it throws at the first gap or overlap.
 */
export class Reader {
  readonly mirror = new Mirror();
  readonly session: string;
  /** How it was brought up to date, each time. */
  readonly hows: string[] = [];
  #client: RawClient | undefined;
  #handle = 0;
  #member: string | undefined;
  #taken = 0;
  #requestId = 0;

  constructor(session: string) {
    this.session = session;
  }

  get state(): FollowedState {
    return this.mirror.state;
  }

  get cursor(): Cursor {
    const { cursor } = this.mirror;
    if (cursor === undefined) throw new Error("nothing was read yet");
    return cursor;
  }

  /** Leaves the edge that it is on, and attaches on this one. Throws where that is refused. */
  async attach(edge: Edge): Promise<AttachedFrame> {
    this.leave();
    const client = new RawClient(urlOf(edge));
    this.#client = client;
    await client.hello(await token());
    const { cursor } = this.mirror;
    this.#requestId += 1;
    const id = this.#requestId;
    const member = this.#member === undefined ? {} : { member: this.#member };
    await client.send({ t: "attach", id, session: this.session, ...(cursor && { cursor }), ...member });
    const frame = await client.find((frames) => frames.find((found) => isAnswer(found, id)));
    if (frame.t === "error") throw Object.assign(new Error(frame.message), { code: frame.code });
    if (!this.mirror.attached(frame)) throw new Error(`${frame.how} did not fit what was here`);
    this.hows.push(frame.how);
    this.#handle = frame.h;
    this.#member = frame.member;
    this.#taken = client.frames.indexOf(frame) + 1;
    return frame;
  }

  leave(): void {
    this.#client?.close(4_000);
    this.#client = undefined;
  }

  /** Resolves when the reader has come so far. */
  async reach(test: (state: FollowedState) => boolean): Promise<void> {
    await this.#client?.find((frames) => {
      for (; this.#taken < frames.length; this.#taken += 1) this.#take(frames[this.#taken]);
      return test(this.state) ? true : undefined;
    });
  }

  /** Every page of the past, the newest first. */
  async history(): Promise<PageJson[]> {
    const pages: PageJson[] = [];
    let before: number | undefined;
    do {
      this.#requestId += 1;
      const id = this.#requestId;
      await this.#client?.send({ t: "history", id, h: this.#handle, ...(before !== undefined && { before }) });
      const answer = await this.#client?.next("page", (page) => page.id === id);
      if (answer?.page !== undefined) pages.push(answer.page);
      before = answer?.before;
    } while (before !== undefined);
    return pages;
  }

  #take(frame: ServerFrame | undefined): void {
    if (frame === undefined || !isOfSession(frame)) return;
    const taken = this.mirror.take(frame);
    if (taken !== "applied") throw new Error(`${taken} at ${this.state.seq}: ${JSON.stringify(frame)}`);
  }
}

type Accepted = Parameters<Mirror["take"]>[0];

function isOfSession(frame: ServerFrame): frame is Accepted {
  return !("t" in frame) || frame.t === "e";
}

type Answer = Extract<ServerFrame, { readonly t: "attached" | "error" }>;

const isAnswer = (frame: ServerFrame, id: number): frame is Answer =>
  "t" in frame && (frame.t === "attached" || frame.t === "error") && frame.id === id;

/** What a reader shows of what the server still has at hand, as text to compare. */
export function shownOf(state: FollowedState, server: FollowedState, level: Level = "all"): string {
  const { shedSeq: _shedSeq, nextPage: _nextPage, rules: _rules, ...head } = project(state, level);
  const shown: HeadJson = { ...head };
  for (const family of families) {
    const items = (head[family] ?? []).filter(({ id = "" }) => server[family].has(id));
    if (items.length === 0) delete shown[family];
    else Object.assign(shown, { [family]: items });
  }
  return canonical(shown);
}
