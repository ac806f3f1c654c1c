import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "@perdure/log";
import { diesWithParent, freePorts } from "../../tools/kafka/broker.ts";
import type { Cluster } from "../stand/cluster.ts";
import { end } from "../stand/service-process.ts";
import { field, historyMs, historySize, type Memory, type Peer, type Reader } from "./peer.ts";

const channel = "tokens";
const startLimitMs = 30_000;

/** Centrifugo with its memory engine and history, fed from a topic through its own Kafka consumer. */
export async function startCentrifugo(
  program: string,
  cluster: Cluster,
  log: Log,
  topic: string,
  dir: string,
  { scale }: Memory,
): Promise<Peer> {
  await log.provision([{ name: topic, partitions: 1, cleanup: "none" }]);
  const [port = 0] = await freePorts(1);
  const settings = join(dir, `${topic}.json`);
  const kafka = { brokers: [cluster.brokers], topics: [cluster.topicPrefix + topic], consumer_group: topic };
  writeFileSync(
    settings,
    JSON.stringify({
      address: "127.0.0.1",
      port: String(port),
      client_insecure: true,
      allow_subscribe_for_client: true,
      history_size: Math.max(1, historySize * scale),
      history_ttl: `${(historyMs * scale) / 1_000}s`,
      force_recovery: true,
      // By default 300 at once, and nothing where more were missed.
      client_recovery_max_publication_limit: historySize,
      allowed_origins: ["*"],
      consumers: [{ name: "kafka", type: "kafka", kafka }],
    }),
  );
  const [command, ...args] = [...diesWithParent(), program, "--config", settings, "--log_level", "error"];
  const child = spawn(command, args, { stdio: ["ignore", 2, 2] });
  await listening(port);
  return {
    name: "Centrifugo",
    port,
    path: "/connection/websocket",
    pid: child.pid ?? 0,
    publish: (token) => {
      const value = Buffer.from(JSON.stringify({ method: "publish", payload: { channel, data: { text: token } } }));
      void log.append(topic, 0, { key: Buffer.from(channel), value });
    },
    client: { hello: connect, attach: subscribe({}), marks: { welcome: '"connect"', attached: '"subscribe"' } },
    newReader: () => new CentrifugoReader(),
    stop: () => end(child),
  };
}

async function listening(port: number): Promise<void> {
  const deadlineMs = Date.now() + startLimitMs;
  while ((await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) === undefined) {
    if (Date.now() > deadlineMs) throw new Error("Centrifugo does not listen: see its messages above");
    await sleep(100);
  }
}

const connect = JSON.stringify({ id: 1, connect: {} });
const subscribe = (place: object): string => JSON.stringify({ id: 2, subscribe: { channel, ...place } });

class CentrifugoReader implements Reader {
  #place: { readonly recover: true; readonly offset: number; readonly epoch: string } | undefined;

  greet(): string {
    return connect;
  }

  /** A frame holds one or more replies, one a line. */
  read(frame: string): ReturnType<Reader["read"]> {
    const texts: string[] = [];
    let answer: string | undefined;
    for (const line of frame.split("\n").filter((each) => each !== "")) {
      const reply: unknown = JSON.parse(line);
      if (line === "{}") answer = "{}";
      else if (field(reply, "connect") !== undefined) answer = subscribe(this.#place ?? {});
      else texts.push(...this.#publications(reply));
    }
    return { texts, answer };
  }

  #publications(reply: unknown): string[] {
    const subscribed = field(reply, "subscribe");
    if (subscribed !== undefined) {
      const [offset, epoch] = [field(subscribed, "offset"), field(subscribed, "epoch")];
      this.#place = { recover: true, offset: Number(offset ?? 0), epoch: String(epoch) };
      const missed = field(subscribed, "publications");
      return (Array.isArray(missed) ? missed : []).map((publication: unknown) =>
        String(field(publication, "data", "text")),
      );
    }
    const publication = field(reply, "push", "pub");
    if (publication === undefined) return [];
    if (this.#place !== undefined) this.#place = { ...this.#place, offset: Number(field(publication, "offset")) };
    return [String(field(publication, "data", "text"))];
  }
}
