import { RawAgent } from "./raw-agent.ts";
import type { TestNode } from "./node.ts";

/** The raw streams of one test. */
export class Streams {
  readonly #node: TestNode;
  readonly #open: RawAgent[] = [];

  constructor(node: TestNode) {
    this.#node = node;
  }

  connect(token: string | undefined): RawAgent {
    const agent = new RawAgent(this.#node.address, token);
    this.#open.push(agent);
    return agent;
  }

  /** An agent that has been welcomed. */
  async welcomed(instance = "i-1", claims: Parameters<TestNode["token"]>[0] = {}): Promise<RawAgent> {
    const agent = this.connect(await this.#node.token(claims));
    agent.hello({ instance });
    await agent.next("welcome");
    return agent;
  }

  /** The agent, when it is in the session. */
  async joined(agent: RawAgent, session = "s"): Promise<RawAgent> {
    agent.send({ case: "join", value: { session } });
    await agent.next("joined");
    return agent;
  }

  /** Breaks them all, and stops the node. */
  async close(): Promise<void> {
    for (const agent of this.#open.splice(0)) agent.break();
    await this.#node.stop();
  }
}

/** A message outside any run, under number `first`. */
export function opened(first: number, producer = "p-1") {
  const value = { role: 2 } as const;
  const events = [{ kind: { case: "messageOpened", value } }] as const;
  return { producer, first, last: first, events: [...events] };
}
