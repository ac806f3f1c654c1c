import { Agent, type AgentParts } from "../agent.ts";
import { silentLogger } from "../logger.ts";
import { FakeHeartbeat } from "./fake-heartbeat.ts";
import { FakeNode } from "./fake-node.ts";
import { ManualClock } from "./manual-clock.ts";

/** An agent whose node and time a test plays. */
export function setUp(parts: Partial<AgentParts> = {}) {
  const node = new FakeNode();
  const clock = new ManualClock();
  const heartbeat = new FakeHeartbeat();
  let tokens = 0;
  const agent = new Agent({
    name: "helper",
    capacity: 2,
    description: "",
    instance: "i-1",
    url: "http://node",
    ca: undefined,
    getToken: () => `token-${++tokens}`,
    transport: node,
    pages: { page: () => Promise.resolve({ page: undefined, before: 0 }) },
    heartbeat,
    clock,
    random: () => 0.5,
    logger: silentLogger,
    ...parts,
  });
  /** Connects, and is welcomed. */
  const connected = async (): Promise<void> => {
    const connecting = agent.connect();
    await node.until(() => node.streams.length > 0 && node.last.said.length > 0);
    node.last.welcome();
    await connecting;
  };
  /** Time passes until the next stream has said hello. */
  const nextStream = async (): Promise<void> => {
    const { length } = node.streams;
    clock.advance(5_000);
    await node.until(() => node.streams.length > length && node.last.said.length > 0);
  };
  return { agent, node, clock, heartbeat, connected, nextStream };
}

/** A run of session s, as offers name it. */
export const run = (runId: string) => ({ session: "s", runId });

/** A session with a run that this instance has. */
export const stateWith = (runId: string, attempt: number) => ({
  session: "s",
  head: {
    epoch: 1n,
    covered: 9n,
    seq: 9,
    rules: 1,
    info: {},
    runs: [{ id: runId, requested: 3, phase: 2, agent: "helper", attempt, attempts: 1, instance: "i-1" }],
  },
});
