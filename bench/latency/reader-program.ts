// Who reads what a latency bench carries, in a process of its own, as a screen is: says when each token has arrived.
import { openBenchLog, tailAll } from "../stand/bench-log.ts";
import { Arrivals } from "./arrivals.ts";
import { textOf } from "./record.ts";
import type { FromReader, Source, ToReader } from "./reader-messages.ts";
import { openViewer } from "./viewer.ts";

const say = (message: FromReader): void => void process.send?.(message);
const arrivals = new Arrivals((atMs) => say({ t: "arrived", atMs }));
const onText = (text: string): void => arrivals.arrived(text);

process.on("message", (message: ToReader) => {
  if (message.t === "open") {
    void open(message.source).then(() => say({ t: "ready" }));
  } else {
    arrivals.expect(message.count);
    say({ t: "ready" });
  }
});
process.on("disconnect", () => process.exit());
process.on("SIGTERM", () => process.exit());

async function open(source: Source): Promise<void> {
  if (source.t === "log") return readLog(source);
  if (source.t === "sockets") return readSockets(source);
  const { url, token, sessions, agent } = source;
  const viewers = await Promise.all(sessions.map((session) => openViewer(url, token, session, agent, onText)));
  await Promise.all(viewers.map((viewer) => viewer.begun));
}

/** The record is decoded only as far as its text. */
async function readLog({ brokers, topicPrefix, topic, partitions }: Extract<Source, { t: "log" }>): Promise<void> {
  const log = await openBenchLog(brokers, topicPrefix);
  tailAll(log, topic, partitions, ({ value }) => onText(textOf(value)));
}

/** One after the other: a socket's session is how many were open before it. */
async function readSockets({ url, sessionCount }: Extract<Source, { t: "sockets" }>): Promise<void> {
  for (let session = 0; session < sessionCount; session += 1) {
    const socket = new WebSocket(url);
    socket.onmessage = ({ data }) => {
      const frame: unknown = JSON.parse(String(data));
      if (Array.isArray(frame)) onText(String(frame[5]));
    };
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
  }
}
