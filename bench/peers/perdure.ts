import type { Log } from "@perdure/log";
import { type Cursor, parseServerFrame, PROTOCOL_VERSION, type ServerFrame } from "@perdure/protocol";
import { follower } from "../crowd/crowd.ts";
import { LiveSessions } from "../session/live-sessions.ts";
import type { Cluster } from "../stand/cluster.ts";
import { observerToken } from "../stand/token.ts";
import type { Peer, Reader } from "./peer.ts";

/** An edge; tokens are written straight into the log, as into the topic that Centrifugo consumes. */
export async function startPerdure(cluster: Cluster, log: Log, name: string): Promise<Peer> {
  const live = await LiveSessions.begin(log, cluster.partitions, name, 1);
  const session = live.ids[0] ?? "";
  const token = await observerToken(cluster.secret);
  return {
    name: "perdure",
    port: cluster.edgePort,
    path: "/v1/connect",
    pid: cluster.service("edge").pid,
    publish: (text) => void live.token(text),
    client: follower(token, session),
    newReader: () => new EdgeReader(token, session),
    stop: () => Promise.resolve(),
  };
}

type ObjectFrame = Extract<ServerFrame, { readonly t: string }>;

class EdgeReader implements Reader {
  readonly #token: string;
  readonly #session: string;
  #cursor: Cursor | undefined;
  #text = "";

  constructor(token: string, session: string) {
    this.#token = token;
    this.#session = session;
  }

  greet(): string {
    return JSON.stringify({ t: "hello", v: PROTOCOL_VERSION, token: this.#token });
  }

  read(source: string): ReturnType<Reader["read"]> {
    const frame = parseServerFrame(source);
    if (frame === undefined) return { texts: [] };
    if ("t" in frame) return this.#readObject(frame);
    if (frame[0] === "a") return { texts: [this.#append(frame)] };
    return { texts: [] };
  }

  #readObject(frame: ObjectFrame): ReturnType<Reader["read"]> {
    if (frame.t === "welcome") {
      return {
        texts: [],
        answer: JSON.stringify({ t: "attach", id: 1, session: this.#session, cursor: this.#cursor }),
      };
    }
    if (frame.t === "e") this.#reached(frame.s + frame.ev.length - 1);
    if (frame.t !== "attached") return { texts: [] };
    const before = this.#text;
    this.#cursor = { epoch: frame.epoch ?? "", seq: frame.seq };
    for (const record of frame.records ?? []) if (!("t" in record) && record[0] === "a") this.#append(record);
    const answers = (frame.head?.messages ?? []).filter(({ role }) => role === "MESSAGE_ROLE_ASSISTANT");
    this.#text = answers[0]?.parts?.[0]?.part?.text ?? this.#text;
    return { texts: [this.#text.slice(before.length)] };
  }

  #append(frame: readonly ["a", number, number, number, number, string]): string {
    const [, , seq, , at, text] = frame;
    this.#reached(seq);
    this.#text = this.#text.slice(0, at) + text;
    return text;
  }

  #reached(seq: number): void {
    if (this.#cursor !== undefined) this.#cursor = { ...this.#cursor, seq };
  }
}
