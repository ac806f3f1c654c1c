// Plays a transcript against a server.
import { randomUUID } from "node:crypto";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { FILLER_PRODUCER, Peer } from "./peer.ts";
import type { ScriptedAgent } from "./agent.ts";
import type { Target } from "./target.ts";
import type { Request, Step, Transcript } from "./transcript.ts";
import { type Bindings, filled, fillerText, matched } from "./values.ts";

/** Steps that only the server's owner can take. */
const OWNERS: ReadonlySet<Step["kind"]> = new Set(["server", "join", "say"]);

/** Whether it asks the server for nothing but what this one can be asked for. */
export const canPlay = ({ steps }: Transcript, target: Target): boolean =>
  target.isOurs || !steps.some(({ kind }) => OWNERS.has(kind));

/** Plays it to its end. Throws at the first step that the server does not answer as it says. */
export async function play(transcript: Transcript, target: Target): Promise<"played"> {
  const stalling = transcript.steps.flatMap((step) => (step.kind === "stall" ? [step.peer] : []));
  const player = new Player(target, new Set(stalling));
  try {
    for (const step of transcript.steps) {
      await player.take(step).catch((cause: unknown) => {
        throw new Error(`at "${step.line.slice(0, 200)}"`, { cause });
      });
    }
    await player.end();
  } finally {
    await player.close();
  }
  return "played";
}

class Player {
  readonly #target: Target;
  readonly #peers = new Map<string, Peer>();
  readonly #agents = new Map<string, ScriptedAgent>();
  #bindings: Bindings = new Map();
  #answer: { readonly status: number; readonly body: unknown } | undefined;
  #lastId = 1_000;
  readonly #stalling: ReadonlySet<string>;
  readonly #relays = new Map<string, TcpProxy>();

  /** `stalling`: who stops reading now and then. */
  constructor(target: Target, stalling: ReadonlySet<string>) {
    this.#target = target;
    this.#stalling = stalling;
    for (const name of ["session", "other"]) this.#bindings.set(name, `t-${randomUUID()}`);
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "open":
        return this.#open(step.peer, step.origin);
      case "join":
        return this.#join(step.peer, step.session);
      case "say":
        return this.#say(step.peer, step.events);
      case "attach":
        return this.#attach(step.peer, step.session);
      case "create":
        return this.#create(step.peer, step.session);
      case "send":
        return this.#peer(step.peer).send(JSON.stringify(await this.#filled(step.frame)));
      case "sendText":
        return this.#peer(step.peer).send(step.text);
      case "sendBinary":
        return this.#peer(step.peer).send(Uint8Array.from(Buffer.from(step.text, "hex")));
      case "expect":
        return this.#expect(step.peer, step.frame);
      case "expectClosed":
        return this.#expectClosed(step.peer, step.code, step.reason);
      case "stall":
        return step.stalled ? this.#relays.get(step.peer)?.hold() : this.#relays.get(step.peer)?.release();
      case "write":
        return this.#write(step.peer, step.count, step.length);
      case "close":
        return this.#peer(step.peer).close(step.code);
      case "request":
        return this.#request(step.request);
      case "answer":
        return this.#expectAnswer(step.status, step.body);
      case "server":
        return this.#target.make(step.does);
    }
  }

  /** Nothing may be left that no step spoke of. */
  async end(): Promise<void> {
    for (const [name, peer] of this.#peers) {
      if (!peer.isClosed) {
        await this.take({ kind: "send", peer: name, frame: { t: "ping" } });
        await this.take({ kind: "expect", peer: name, frame: { t: "pong" } });
        await peer.close(1000);
      }
      const { untold, faults } = peer;
      if (untold.length > 0) throw new Error(`${name} got what no step speaks of: ${JSON.stringify(untold)}`);
      if (faults.length > 0) throw new Error(`${name}: ${faults.join("; ")}`);
    }
  }

  /** Lets go of what it holds, however it went. */
  async close(): Promise<void> {
    for (const relay of this.#relays.values()) await relay.close();
  }

  async #open(name: string, origin?: string): Promise<void> {
    this.#peers.set(name, new Peer(this.#stalling.has(name) ? await this.#relayed(name) : this.#target.url, origin));
  }

  async #join(name: string, session: string): Promise<void> {
    const agent = await this.#target.agent(name, String(filled(session, this.#bindings)));
    this.#agents.set(name, agent);
    this.#bindings.set(`${name}.instance`, agent.instance);
    this.#bindings.set(`${name}.p`, agent.producer);
  }

  async #say(name: string, events: unknown): Promise<void> {
    const agent = this.#agents.get(name);
    if (agent === undefined) throw new Error(`${name} has not joined`);
    await agent.write(filled(events, this.#bindings));
  }

  /** By way of a relay that can be told to read no more: a WebSocket of Node reads on into memory. */
  async #relayed(name: string): Promise<string> {
    const url = new URL(this.#target.url);
    const relay = await TcpProxy.start({ targets: [Number(url.port)] });
    this.#relays.set(name, relay);
    url.port = String(relay.port);
    return url.href;
  }

  #peer(name: string): Peer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`${name} has not opened a connection`);
    return peer;
  }

  /** With the tokens that it names. */
  async #filled(value: unknown): Promise<unknown> {
    for (const [, holder = ""] of JSON.stringify(value).matchAll(/<token:([\w.]+)>/g)) {
      if (!this.#bindings.has(`token:${holder}`)) {
        this.#bindings.set(`token:${holder}`, await this.#target.token(holder));
      }
    }
    return filled(value, this.#bindings);
  }

  async #expect(name: string, frame: unknown): Promise<void> {
    this.#bindings = await this.#peer(name).expect(frame, this.#bindings);
  }

  async #expectClosed(name: string, code: number, reason: string): Promise<void> {
    const closed = await this.#peer(name).closed;
    if (closed.code !== code || closed.reason !== reason) {
      throw new Error(`closed with ${closed.code} ${closed.reason}\n${this.#peer(name).report}`);
    }
  }

  /**
   * Greets where it has no connection, attaches, and remembers `<NAME.h>`, `<NAME.how>`, `<NAME.seq>`, `<NAME.member>`.
   * Waits until it has joined, so that this comes between no steps that follow.
   */
  async #attach(name: string, session: string): Promise<void> {
    if (this.#peers.get(name)?.isClosed !== false) {
      await this.#open(name);
      const token = `<token:${name.replace(/\d+$/, "")}>`;
      await this.take({ kind: "send", peer: name, frame: { t: "hello", v: 1, token } });
      const id = name.replace(/\d+$/, "");
      await this.#expect(name, { t: "welcome", participant: `<${id}.id>`, "…": "…" });
    }
    this.#lastId += 1;
    await this.take({ kind: "send", peer: name, frame: { t: "attach", id: this.#lastId, session } });
    const frame = {
      "…": "…",
      t: "attached",
      id: this.#lastId,
      h: "<h>",
      how: "<how>",
      seq: "<seq>",
      member: "<member>",
    };
    const found = await this.#peer(name).expect(frame, new Map());
    for (const [key, value] of found) this.#bindings.set(`${name}.${key}`, value);
    if (found.get("how") === "new") return;
    const ev = [{ memberJoined: { member: `<${name}.member>`, "…": "…" } }];
    await this.#expect(name, { t: "e", h: `<${name}.h>`, ev, "…": "…" });
  }

  async #create(name: string, session: string): Promise<void> {
    await this.#attach(name, session);
    const ev = [{ sessionCreated: {} }];
    const frame = { t: "send", h: `<${name}.h>`, p: `${name}-creates`, n: 1, born: 0, ev };
    await this.take({ kind: "send", peer: name, frame });
    await this.#expect(name, { t: "e", h: `<${name}.h>`, p: `${name}-creates`, epoch: "<epoch>", "…": "…" });
    await this.#expect(name, { t: "ack", h: `<${name}.h>`, p: `${name}-creates`, n: 1, s: 1 });
    const joined = { t: "e", h: `<${name}.h>`, s: `<${name}.seq>`, ev: [{ memberJoined: "<_>" }], "…": "…" };
    this.#bindings.delete(`${name}.seq`);
    await this.#expect(name, joined);
  }

  /** Each behind the acknowledgement of the one before. What comes of it no step has to speak of. */
  async #write(name: string, count: number, length: number): Promise<void> {
    for (let n = 1; n <= count; n += 1) {
      const part = { kind: "PART_KIND_TEXT", text: fillerText(length) };
      const messageId = `${FILLER_PRODUCER}:${n}:0`;
      const opened = { messageOpened: { role: "MESSAGE_ROLE_USER" } };
      const ev = [opened, { partOpened: { messageId, part, complete: true } }, { messageClosed: { messageId } }];
      const frame = { t: "send", h: `<${name}.h>`, p: FILLER_PRODUCER, n, born: 2, ev };
      await this.take({ kind: "send", peer: name, frame });
      await this.#expect(name, { t: "ack", h: `<${name}.h>`, p: FILLER_PRODUCER, n, s: "<filled>" });
      this.#bindings.delete("filled");
    }
  }

  async #request({ method, path, holder, body }: Request): Promise<void> {
    const url = new URL(String(filled(path, this.#bindings)), this.#target.url.replace(/^ws/, "http"));
    const authorization = `Bearer ${await this.#target.token(holder)}`;
    const response = await fetch(url, {
      method,
      headers: { authorization },
      ...(body !== undefined && { body: JSON.stringify(await this.#filled(body)) }),
    });
    this.#answer = { status: response.status, body: await response.json() };
  }

  #expectAnswer(status: number, body: unknown): void {
    const found = this.#answer?.status === status ? matched(body, this.#answer.body, this.#bindings) : undefined;
    if (found === undefined) throw new Error(`the answer was ${JSON.stringify(this.#answer)}`);
    this.#bindings = found;
  }
}
