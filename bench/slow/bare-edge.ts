// Bare uWebSockets in the place of an edge: reads the same kind of log, and sends the same bytes to as many sockets, but
// judges and folds nothing. What its fast readers wait for while slow ones catch up is what the machine makes of it.
import { openKafkaLog } from "@perdure/log-kafka";
import {
  decodeRecord,
  type EventJson,
  parseClientFrame,
  PROTOCOL_VERSION,
  type ServerFrame,
  sessionKey,
} from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import { App, DISABLED, us_socket_local_port, type WebSocket } from "uWebSockets.js";
import { benchTenant } from "../session/written-session.ts";

/** Which log it reads, and what may wait for a socket before it is sent no more. */
export interface BareOrder {
  readonly brokers: string;
  readonly topicPrefix: string;
  readonly partition: number;
  readonly session: string;
  readonly bufferedBytes: number;
}

export type ToBareEdge = ({ readonly t: "begin" } & BareOrder) | { readonly t: "count" };
export type FromBareEdge =
  | { readonly t: "listening"; readonly port: number }
  | { readonly t: "lagging"; readonly count: number };

type Follower = WebSocket<object>;

const topic = "all";
const app = App();
const following = new Set<Follower>();
const lagging = new Set<Follower>();
let bufferedBytes = 0;
let seq = 0;
let text = "";
let metadata = "";
/** What a socket lacks that comes back now; made once for each state. */
let update: { readonly seq: number; readonly frame: string } | undefined;

const say = (message: FromBareEdge): void => void process.send?.(message);

app.ws<object>("/*", {
  compression: DISABLED,
  idleTimeout: 0,
  maxBackpressure: 0,
  message: (ws, message) => onFrame(ws, Buffer.from(message).toString()),
  drain: onDrain,
  close(ws) {
    following.delete(ws);
    lagging.delete(ws);
  },
});

function onFrame(ws: Follower, frameText: string): void {
  const parsed = parseClientFrame(frameText);
  const kind = "frame" in parsed ? parsed.frame.t : undefined;
  if (kind === "hello") send(ws, welcome);
  if (kind === "ping") send(ws, { t: "pong" });
  if (kind !== "attach") return;
  send(ws, { t: "attached", id: 1, h: 1, how: "new", seq });
  follow(ws);
}

function onEvent(event: EventJson): void {
  seq += 1;
  if (event.partAppended?.text !== undefined) {
    publish(["a", 1, seq, 3, text.length, event.partAppended.text]);
    text += event.partAppended.text;
  } else if (event.sessionUpdated?.metadata !== undefined) {
    metadata = event.sessionUpdated.metadata;
    publish({ t: "e", h: 1, s: seq, at: Date.now(), p: "", n: seq, by: {}, ev: [event] });
    for (const ws of following) if (ws.getBufferedAmount() > bufferedBytes) letGo(ws);
  }
}

function letGo(ws: Follower): void {
  following.delete(ws);
  lagging.add(ws);
  ws.unsubscribe(topic);
  send(ws, { t: "lagging", h: 1 });
}

/** As much as an edge waits for, then a state as large as an edge's, at once. */
function onDrain(ws: Follower): void {
  if (ws.getBufferedAmount() > bufferedBytes / 8 || !lagging.delete(ws)) return;
  if (update?.seq !== seq) update = { seq, frame: JSON.stringify({ t: "update", seq, metadata, text }) };
  ws.send(update.frame);
  send(ws, { t: "caught_up", h: 1 });
  follow(ws);
}

function follow(ws: Follower): void {
  following.add(ws);
  ws.subscribe(topic);
}

const send = (ws: Follower, frame: ServerFrame): void => void ws.send(JSON.stringify(frame));
const publish = (frame: ServerFrame): void => void app.publish(topic, JSON.stringify(frame));

const welcome: ServerFrame = {
  t: "welcome",
  v: PROTOCOL_VERSION,
  node: "bare",
  tenant: benchTenant,
  participant: "viewer",
  role: "ROLE_OBSERVER",
  mayCreate: false,
  expiresInMs: 0,
  beatMs: 0,
  maxFrameBytes: 0,
};

async function read({ brokers, topicPrefix, partition, session }: BareOrder): Promise<void> {
  const replication = { factor: 1, minInSync: 1 };
  const log = await openKafkaLog({ brokers: brokers.split(","), topicPrefix, replication });
  const key = sessionKey(benchTenant, session);
  const tail = log.tail(TOPICS.events, {
    onEntries(_partition, entries) {
      for (const entry of entries) {
        if (entry.value === null || Buffer.from(entry.key).toString() !== key) continue;
        for (const event of decodeRecord(entry.value).events ?? []) onEvent(event);
      }
    },
    onPartitionError(_partition, error) {
      throw error;
    },
  });
  tail.add(partition, 0);
}

process.on("message", (message: ToBareEdge) => {
  if (message.t === "count") return say({ t: "lagging", count: lagging.size });
  ({ bufferedBytes } = message);
  app.listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("there is no port to listen on");
    void read(message).then(() => say({ t: "listening", port: us_socket_local_port(socket) }));
  });
});
process.on("disconnect", () => process.exit());
