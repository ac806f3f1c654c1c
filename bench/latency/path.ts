import type { Cluster } from "../stand/cluster.ts";
import { pace } from "./pacer.ts";
import type { Carrier } from "./rounds.ts";
import { Series } from "./series.ts";
import { openStreams } from "./streams.ts";

export interface Path extends Carrier {
  close(): Promise<void>;
}

/** The whole way: agent -> ingest -> Kafka -> edge -> WebSocket client, one client a session, agent and clients here. */
export async function openPath(cluster: Cluster, sessionCount: number): Promise<Path> {
  let current = new Series();
  const streams = await openStreams(cluster, sessionCount, (_session, text) => current.arrived(text));
  return {
    run: async (perSecond, durationMs) => {
      const series = new Series();
      current = series;
      await pace(perSecond, durationMs, (index) => streams.push(index % sessionCount, series.next()));
      await series.settled();
      return series;
    },
    close: () => streams.close(),
  };
}
