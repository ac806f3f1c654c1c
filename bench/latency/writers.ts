import { connectAgent } from "@perdure/agent";
import { mintToken } from "@perdure/service-kit";
import type { Cluster } from "../stand/cluster.ts";
import { TokenQueue } from "./token-queue.ts";

const hourMs = 3_600_000;
const agentName = "bench";

/** An agent of this process that writes in many sessions, as soon as somebody asks it to. */
export interface Writers {
  readonly agent: string;
  readonly sessions: readonly string[];
  /** For those who ask and read. */
  readonly userToken: string;
  /** Hands a token to the agent's stream in that session. */
  push(session: number, token: string): void;
  close(): Promise<void>;
}

export async function openWriters(cluster: Cluster, sessionCount: number): Promise<Writers> {
  const claims = { tenant: "bench", sessions: ["*"] };
  const agentToken = await mintToken(cluster.secret, { ...claims, participant: "agent", role: "agent" }, hourMs);
  const userToken = await mintToken(
    cluster.secret,
    { ...claims, participant: "user", role: "user", mayCreate: true },
    hourMs,
  );
  const sessions = Array.from({ length: sessionCount }, (_, index) => `bench-${sessionCount}-${index}`);
  const queues = sessions.map(() => new TokenQueue());
  const agent = await connectAgent({
    url: cluster.ingestUrl,
    getToken: () => agentToken,
    name: agentName,
    capacity: sessionCount,
  });
  const serving = agent.serve(async (run) => {
    const queue = queues[sessions.indexOf(run.session.id)];
    if (queue !== undefined) await run.pipe(queue);
  });
  return {
    agent: agentName,
    sessions,
    userToken,
    push: (session, token) => queues[session]?.push(token),
    close: async () => {
      for (const queue of queues) queue.end();
      await agent.close();
      await serving;
    },
  };
}
