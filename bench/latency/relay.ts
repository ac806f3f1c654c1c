import { Client, credentials } from "@grpc/grpc-js";
import { NODE_FLAGS } from "@perdure/service-kit";
import { openBenchLog } from "../stand/bench-log.ts";
import { ChildProgram } from "../stand/child-program.ts";
import { Reader } from "./reader.ts";
import { recordOf } from "./record.ts";
import { eventsTopic, type FromRelay, relayMethod, type ToRelay } from "./relay-messages.ts";
import type { Carrier } from "./rounds.ts";

/**
 * The hops of the whole path through the same libraries, and nothing of perdure's: gRPC -> append -> Kafka -> tail ->
 * WebSocket, each end a process of its own. What any service of this shape costs here.
 */
export async function openRelay(brokers: string, partitions: number, sessionCount: number): Promise<Carrier> {
  const topicPrefix = `relay-${Date.now()}.`;
  await provision(brokers, topicPrefix, partitions);
  const [ingest, edge] = await Promise.all(
    (["ingest", "edge"] as const).map((end) => startEnd({ end, brokers, topicPrefix, partitions })),
  );
  if (ingest === undefined || edge === undefined) throw new Error("both ends were started");
  const client = new Client(`127.0.0.1:${ingest.port}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = relayMethod;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  // It is cancelled at the end.
  call.on("error", () => undefined);
  const reader = await Reader.open({ t: "sockets", url: `ws://127.0.0.1:${edge.port}/`, sessionCount });
  const send = (index: number, token: string): void => {
    const session = Buffer.alloc(2);
    session.writeUInt16BE(index % sessionCount);
    call.write(Buffer.concat([session, recordOf(index, token)]));
  };
  return {
    run: (perSecond, durationMs) => reader.measure(perSecond, durationMs, send),
    close: async () => {
      call.cancel();
      client.close();
      await Promise.all([reader.close(), ingest.program.close(), edge.program.close()]);
    },
  };
}

async function provision(brokers: string, topicPrefix: string, partitions: number): Promise<void> {
  const log = await openBenchLog(brokers, topicPrefix);
  await log.provision([{ name: eventsTopic, partitions, cleanup: "none" }]);
  await log.close();
}

async function startEnd(asked: ToRelay): Promise<{ program: ChildProgram<ToRelay, FromRelay>; port: number }> {
  const program = new ChildProgram<ToRelay, FromRelay>(new URL("relay-program.ts", import.meta.url), NODE_FLAGS);
  const { port } = await program.ask(asked);
  return { program, port };
}
