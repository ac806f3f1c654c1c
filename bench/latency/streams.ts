import type { Cluster } from "../stand/cluster.ts";
import { openViewer } from "./viewer.ts";
import { openWriters } from "./writers.ts";

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
  const writers = await openWriters(cluster, sessionCount);
  const { userToken, sessions, agent } = writers;
  const viewers = await Promise.all(
    sessions.map((id, index) => openViewer(cluster.edgeUrl, userToken, id, agent, (text) => onText(index, text))),
  );
  await Promise.all(viewers.map((viewer) => viewer.begun));
  return {
    push: (session, token) => writers.push(session, token),
    close: async () => {
      await writers.close();
      for (const viewer of viewers) viewer.close();
    },
  };
}
