// Many clients in one process: opens them, counts what they get.
import { setTimeout as sleep } from "node:timers/promises";
import { type CrowdClient, type FromCrowd, type ToCrowd } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { storm } from "./storm.ts";

/** Below the rate at which an edge sends newcomers away. */
const openedAtOnce = 20;
const pauseMs = 20;

const clients = new Set<RawClient>();
let frames = 0;
let countedBytes = 0;

const say = (message: FromCrowd): void => void process.send?.(message);

async function open({ port, path, clients: wanted }: Extract<ToCrowd, { t: "open" }>): Promise<void> {
  const opening: Promise<void>[] = [];
  for (const client of wanted) {
    opening.push(openOne(port, path, client));
    if (opening.length % openedAtOnce === 0) await sleep(pauseMs);
  }
  await Promise.all(opening);
  say({ t: "ready" });
}

const edgeMarks = { welcome: '"t":"welcome"', attached: '"t":"attached"' };

/** Resolves when it is attached, or, where it has nobody to greet, connected. */
function openOne(port: number, path: string, { hello, attach, marks = edgeMarks }: CrowdClient): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const steps = [marks.welcome, marks.attached];
  const client = new RawClient({
    port,
    path,
    onOpen: (opened) => (hello === undefined ? resolve() : opened.send(hello)),
    onText: (payload, from) => {
      frames += 1;
      const [awaited] = steps;
      if (awaited === undefined) return;
      if (payload.includes('"error"')) return reject(new Error(`not attached: ${payload.toString()}`));
      if (!payload.includes(awaited)) return;
      steps.shift();
      if (steps.length === 1) from.send(attach ?? "");
      if (steps.length === 0 || marks.attached === "") resolve();
    },
    onClose: () => {
      clients.delete(client);
      reject(new Error("a connection ended before it was attached"));
    },
  });
  clients.add(client);
  return promise;
}

function count(): void {
  let bytes = 0;
  for (const client of clients) bytes += client.receivedBytes;
  say({ t: "counted", frames, bytes: bytes - countedBytes });
  frames = 0;
  countedBytes = bytes;
}

process.on("message", (message: ToCrowd) => {
  if (message.t === "open") open(message).catch((error: unknown) => say({ t: "failed", why: String(error) }));
  else if (message.t === "storm")
    void storm(message.port, message.path, message.clients).then((result) => say({ t: "calmed", ...result }));
  else if (message.t === "count") count();
  else for (const client of clients) client.cut();
});
process.on("disconnect", () => process.exit());
