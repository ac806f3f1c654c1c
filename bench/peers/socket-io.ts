import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../tools/kafka/broker.ts";
import { end } from "../stand/service-process.ts";
import { field, type Memory, type Peer, type Reader, recoveryMs, streamLength } from "./peer.ts";

const nodeProgram = fileURLToPath(new URL("socket-io-node.mjs", import.meta.url));

/** Two nodes on one Redis stream: what is published at one reaches the clients of the other. */
export async function startSocketIo(redis: string, folder: string, dir: string, { scale }: Memory): Promise<Peer> {
  const [redisPort = 0, port = 0, publisherPort = 0] = await freePorts(3);
  const root = join(dirname(redis), "../lib");
  const library = `${root}/x86_64-linux-gnu:${root}/aarch64-linux-gnu`;
  const flags = ["--port", String(redisPort), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"];
  // Redis is told what it is by its name; Debian's package of tools holds the one program under another.
  const server = spawn(redis, flags, { argv0: "redis-server", env: { LD_LIBRARY_PATH: library }, stdio: "ignore" });
  copyFileSync(nodeProgram, join(folder, "node.mjs"));
  const startNode = async (nodePort: number): Promise<ChildProcess> => {
    const settings = {
      url: `redis://127.0.0.1:${redisPort}`,
      port: nodePort,
      streamName: "bench",
      maxLen: streamLength * scale,
      recoveryMs: recoveryMs * scale,
    };
    const child = fork(join(folder, "node.mjs"), [JSON.stringify(settings)], { execArgv: [] });
    await once(child, "message");
    return child;
  };
  const node = await startNode(port);
  const publisher = await startNode(publisherPort);
  return {
    name: "Socket.IO",
    port,
    path: "/socket.io/?EIO=4&transport=websocket",
    pid: node.pid ?? 0,
    publish: (text) => void publisher.send({ text }),
    client: { hello: "40", attach: join42, marks: { welcome: '40{"sid"', attached: "" } },
    newReader: () => new SocketIoReader(),
    stop: async () => {
      for (const child of [publisher, node, server]) await end(child);
    },
  };
}

const join42 = '42["join","tokens"]';

/** Engine.IO 4 over WebSocket: `0` open, `2` ping, `3` pong, `40` connect, `42` event. */
class SocketIoReader implements Reader {
  #place: { readonly pid: string; readonly offset: string } | undefined;
  #joined = false;

  greet(): string {
    return this.#place === undefined ? "40" : `40${JSON.stringify(this.#place)}`;
  }

  read(frame: string): ReturnType<Reader["read"]> {
    if (frame === "2") return { texts: [], answer: "3" };
    if (frame.startsWith("40")) return this.#connected(JSON.parse(frame.slice(2)));
    if (!frame.startsWith("42")) return { texts: [] };
    const packet: unknown = JSON.parse(frame.slice(2));
    const [text, offset] = [field(packet, "1"), field(packet, "2")];
    if (this.#place !== undefined && typeof offset === "string") this.#place = { ...this.#place, offset };
    return { texts: typeof text === "string" ? [text] : [] };
  }

  /** A recovered socket has its old private id, and its rooms; another one begins anew. */
  #connected(about: unknown): ReturnType<Reader["read"]> {
    const pid = String(field(about, "pid"));
    const recovered = this.#joined && this.#place?.pid === pid;
    if (!recovered) this.#place = { pid, offset: "" };
    this.#joined = true;
    return { texts: [], answer: recovered ? undefined : join42 };
  }
}
