import { connectAgent } from "@perdure/agent";
import { mintToken } from "@perdure/service-kit";
import type { Cluster } from "../stand/cluster.ts";
import { pace } from "./pacer.ts";
import type { Carrier } from "./rounds.ts";
import { Series } from "./series.ts";
import { TokenQueue } from "./token-queue.ts";
import { openViewer } from "./viewer.ts";

const hourMs = 3_600_000;
const agentName = "bench";

export interface Path extends Carrier {
  close(): Promise<void>;
}

/** The whole way: agent -> ingest -> Kafka -> edge -> WebSocket client, one client a session, agent and clients here. */
export async function openPath(cluster: Cluster, sessionCount: number): Promise<Path> {
  const agentToken = await mintToken(
    cluster.secret,
    { participant: "agent", tenant: "bench", role: "agent", sessions: ["*"] },
    hourMs,
  );
  const userToken = await mintToken(
    cluster.secret,
    { participant: "user", tenant: "bench", role: "user", sessions: ["*"], mayCreate: true },
    hourMs,
  );
  const queues = new Map<string, TokenQueue>();
  let current = new Series();
  const agent = await connectAgent({
    url: cluster.ingestUrl,
    getToken: () => agentToken,
    name: agentName,
    capacity: sessionCount,
  });
  const serving = agent.serve(async (run) => {
    const queue = new TokenQueue();
    queues.set(run.session.id, queue);
    await run.pipe(queue);
  });
  const viewers = await Promise.all(
    Array.from({ length: sessionCount }, (_, index) =>
      openViewer(cluster.edgeUrl, userToken, `bench-${sessionCount}-${index}`, agentName, (text) =>
        current.arrived(text),
      ),
    ),
  );
  await Promise.all(viewers.map((viewer) => viewer.begun));
  return {
    run: async (perSecond, durationMs) => {
      const series = new Series();
      current = series;
      const order = [...queues.values()];
      await pace(perSecond, durationMs, (index) => order[index % order.length]?.push(series.next()));
      await series.settled();
      return series;
    },
    close: async () => {
      for (const queue of queues.values()) queue.end();
      await agent.close();
      await serving;
      for (const viewer of viewers) viewer.close();
    },
  };
}
