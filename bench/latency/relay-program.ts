// One end of a bare relay, in a process of its own: `ingest` appends what comes over gRPC, `edge` sends what comes from
// the log to WebSockets. The same libraries as perdure's services, and nothing between them.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { bareSockets, listen } from "../stand/bare-sockets.ts";
import { openBenchLog, tailAll } from "../stand/bench-log.ts";
import { textOf } from "./record.ts";
import { eventsTopic, type FromRelay, relayMethod, type ToRelay } from "./relay-messages.ts";

const say = (message: FromRelay): void => void process.send?.(message);

process.once("message", (message: ToRelay) => void (message.end === "ingest" ? ingest(message) : edge(message)));
process.on("disconnect", () => process.exit());
process.on("SIGTERM", () => process.exit());

async function ingest(asked: ToRelay): Promise<void> {
  const log = await openBenchLog(asked.brokers, asked.topicPrefix);
  const server = new Server();
  server.addService(
    { stream: relayMethod },
    {
      stream: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (message: Buffer) => {
          const session = message.readUInt16BE(0);
          const key = message.subarray(0, 2);
          void log.append(eventsTopic, session % asked.partitions, { key, value: message.subarray(2) });
        });
      },
    },
  );
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    say({ port });
  });
}

async function edge(asked: ToRelay): Promise<void> {
  const log = await openBenchLog(asked.brokers, asked.topicPrefix);
  let opened = 0;
  const app = bareSockets(() => String(opened++));
  tailAll(log, eventsTopic, asked.partitions, ({ key, value, offset }) => {
    const session = Buffer.from(key).readUInt16BE(0);
    app.publish(String(session), JSON.stringify(["a", session, offset, 7, offset, textOf(value)]));
  });
  listen(app, (port) => say({ port }));
}
