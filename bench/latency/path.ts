import type { Cluster } from "../stand/cluster.ts";
import { Reader } from "./reader.ts";
import type { Carrier } from "./rounds.ts";
import { openWriters } from "./writers.ts";

/** The whole way: agent -> ingest -> Kafka -> edge -> WebSocket clients, one a session, in a process of their own. */
export async function openPath(cluster: Cluster, sessionCount: number): Promise<Carrier> {
  const writers = await openWriters(cluster, sessionCount);
  const { edgeUrl: url } = cluster;
  const { userToken: token, sessions, agent } = writers;
  const reader = await Reader.open({ t: "viewers", url, token, sessions, agent });
  return {
    run: (perSecond, durationMs) =>
      reader.measure(perSecond, durationMs, (index, text) => writers.push(index % sessionCount, text)),
    close: async () => {
      await writers.close();
      await reader.close();
    },
  };
}
