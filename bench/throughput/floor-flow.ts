import { keyBytes } from "@perdure/protocol";
import { recordOf, textOf } from "../latency/record.ts";
import { tailAll } from "../stand/bench-log.ts";
import type { Cluster } from "../stand/cluster.ts";
import { type Flow, Window } from "./window.ts";

const topic = "floor";

/** Raw Kafka through the same client: tokens as an agent writes them, appended and read back here, with nothing between. */
export async function openFloorFlow(
  cluster: Cluster,
  sessionCount: number,
  outstanding: number,
): Promise<{ run(durationMs: number): Promise<Flow> }> {
  const { partitions } = cluster;
  const log = await cluster.openLog();
  await log.provision([{ name: topic, partitions, cleanup: "none" }]);
  const keys = Array.from({ length: sessionCount }, (_, index) => keyBytes(`bench/session-${index}`));
  let number = 0;
  const window = new Window(sessionCount, outstanding, (session, token) => {
    const key = keys[session] ?? keyBytes("");
    const entry = { key, value: recordOf(number++, token) };
    log.append(topic, session % partitions, entry).catch((error: unknown) => {
      throw error;
    });
  });
  const tail = tailAll(log, topic, partitions, ({ key, value }) => window.arrived(sessionOf(key), textOf(value)));
  cluster.onStop(() => tail.close());
  return window;
}

const sessionOf = (key: Uint8Array): number =>
  Number(Buffer.from(key).toString("latin1").slice("bench/session-".length));
