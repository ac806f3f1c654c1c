import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { encodeRecord, keyBytes } from "@perdure/protocol";
import { createReplica, type Replica, TOPICS } from "@perdure/replica";
import { TestLogger } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TENANT, TestNode, Watcher } from "../testing/node.ts";
import { opened, Streams } from "../testing/streams.ts";

let node: TestNode;
let streams: Streams;
/** As another node has it that knows the next rules. */
let current: Replica;

beforeEach(async () => {
  node = await TestNode.start();
  streams = new Streams(node);
  current = createReplica({ log: node.log, partitions: 1, logger: new TestLogger(), book: NEXT_RULE_BOOK });
});

afterEach(async () => {
  await current.close();
  await streams.close();
});

/** Raises the rules of a session as a keeper does. */
async function upgrade(session: string): Promise<Watcher> {
  const watcher = await Watcher.attach(current, `${TENANT}/${session}`);
  const actor = { tenant: TENANT, participant: "keeper", role: "ROLE_SYSTEM" } as const;
  const events = [{ rulesUpgraded: { version: NEXT_RULE_BOOK.length } }];
  const value = encodeRecord({ producer: "keeper", first: 1, last: 1, actor, events });
  await node.log.append(TOPICS.events, 0, { key: keyBytes(`${TENANT}/${session}`), value });
  return watcher;
}

const presenceIn = ({ state }: Watcher) => state.agents.get("i-1")?.presence;

describe("a session whose rules this node does not know (SPEC 9, SPEC 14)", () => {
  test("is refused to the agent with a code and a time, and hears that the agent is lost here", async () => {
    await node.watch("s");
    const agent = await streams.joined(await streams.welcomed());
    const watcher = await upgrade("s");
    const refused = await agent.next("refused");
    expect(refused).toMatchObject({ session: "s", code: "rules_too_new" });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    await watcher.until(() => presenceIn(watcher) === "AGENT_PRESENCE_LOST");
    agent.send({ case: "join", value: { session: "s" } });
    expect(await agent.next("refused")).toMatchObject({ session: "s", code: "rules_too_new" });
  });

  test("takes nothing from the agent's other sessions, which do not hear of its move", async () => {
    await node.watch("s");
    const calm = await node.watch("calm");
    const agent = await streams.joined(await streams.joined(await streams.welcomed(), "s"), "calm");
    await upgrade("s");
    await agent.next("refused");
    agent.send({ case: "publish", value: { session: "calm", record: opened(1) } });
    expect(await agent.accepted(1)).toBeDefined();
    const staying = await streams.joined(await streams.welcomed("i-2"), "calm");
    agent.break();
    staying.break();
    // Both streams have ended by then, and only the one that did not go elsewhere is missed.
    await calm.until((state) => state.agents.get("i-2")?.presence === "AGENT_PRESENCE_LOST");
    expect(presenceIn(calm)).toBe("AGENT_PRESENCE_HERE");
  });

  test("ends the stream of an agent whose pool it is, so that it serves elsewhere", async () => {
    const agent = streams.connect(await node.token());
    agent.hello({ capacity: 2 });
    await agent.next("welcome");
    const watcher = await upgrade("~pool.helper");
    expect((await agent.ended).code).toBe("rules_too_new");
    await watcher.until(() => presenceIn(watcher) === "AGENT_PRESENCE_LOST");
    const again = streams.connect(await node.token());
    again.hello({ capacity: 2 });
    expect((await again.ended).code).toBe("rules_too_new");
  });
});
