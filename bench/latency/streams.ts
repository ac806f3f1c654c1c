import { connectAgent } from "@perdure/agent";
import { mintToken } from "@perdure/service-kit";
import type { Cluster } from "../stand/cluster.ts";
import { TokenQueue } from "./token-queue.ts";
import { openViewer } from "./viewer.ts";

const hourMs = 3_600_000;
const agentName = "bench";

/** Sessions in which an agent writes and somebody reads; both here. */
export interface Streams {
  /** Hands a token to the agent's stream in that session. */
  push(session: number, token: string): void;
  close(): Promise<void>;
}

/** The whole way: agent -> ingest -> Kafka -> edge -> WebSocket client, one client a session. */
export async function openStreams(
  cluster: Cluster,
  sessionCount: number,
  onText: (session: number, text: string) => void,
): Promise<Streams> {
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
  const ids = Array.from({ length: sessionCount }, (_, index) => `bench-${sessionCount}-${index}`);
  const queues = ids.map(() => new TokenQueue());
  const agent = await connectAgent({
    url: cluster.ingestUrl,
    getToken: () => agentToken,
    name: agentName,
    capacity: sessionCount,
  });
  const serving = agent.serve(async (run) => {
    const queue = queues[ids.indexOf(run.session.id)];
    if (queue !== undefined) await run.pipe(queue);
  });
  const viewers = await Promise.all(
    ids.map((id, index) => openViewer(cluster.edgeUrl, userToken, id, agentName, (text) => onText(index, text))),
  );
  await Promise.all(viewers.map((viewer) => viewer.begun));
  return {
    push: (session, token) => queues[session]?.push(token),
    close: async () => {
      for (const queue of queues) queue.end();
      await agent.close();
      await serving;
      for (const viewer of viewers) viewer.close();
    },
  };
}
