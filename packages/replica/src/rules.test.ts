import { RULE_BOOK, type RuleBook } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { decodeRecord } from "@perdure/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Replica, SessionListener } from "./api.ts";
import { leaveUnjudged } from "./leave-unjudged.ts";
import { createReplica } from "./log-replica.ts";
import { canonicalText, SampleWriter, TestLog, TestLogger } from "./testing/index.ts";
import { TOPICS } from "./topics.ts";

const KEY = "acme/one";
const NEXT = NEXT_RULE_BOOK.length;

let test: TestLog;
let logger: TestLogger;
let user: SampleWriter;
const replicas: Replica[] = [];

beforeEach(async () => {
  test = await TestLog.open(1);
  logger = new TestLogger();
  user = new SampleWriter("u", "ROLE_USER");
});

afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  await test.close();
});

function replicaOf(book: RuleBook, newSessionRules?: () => number): Replica {
  const { log, clock, partitions } = test;
  const replica = createReplica({ log, clock, partitions, logger, book, ...(newSessionRules && { newSessionRules }) });
  replicas.push(replica);
  return replica;
}

const follow = (replica: Replica) => {
  const lost: string[] = [];
  const listener: SessionListener = { onAccepted: () => undefined, onLost: (code) => lost.push(code) };
  return replica.attach(KEY, listener).then((held) => Object.assign(held, { lost }));
};

const upgrade = () =>
  test.append(KEY, new SampleWriter("k", "ROLE_SYSTEM").record([{ rulesUpgraded: { version: NEXT } }]));

describe("a session that is created here (SPEC 14)", () => {
  const created = async (): Promise<number | undefined> => {
    const [entry] = await test.entries(TOPICS.events, 0);
    return decodeRecord(entry?.value ?? new Uint8Array()).events?.[0]?.sessionCreated?.rules;
  };

  it("begins under the rules that all nodes know, whatever its writer says", async () => {
    const held = await follow(replicaOf(NEXT_RULE_BOOK, () => NEXT));
    await held.publish(user.record([{ sessionCreated: { title: "T", rules: 77 } }])).applied;
    expect(await created()).toBe(NEXT);
    expect(held.state).toMatchObject({ rules: NEXT, info: { title: "T" } });
  });

  it("begins under the first where nobody has told what all nodes know", async () => {
    const held = await follow(replicaOf(NEXT_RULE_BOOK));
    await held.publish(user.record([{ sessionCreated: { rules: 77 } }])).applied;
    expect(await created()).toBeUndefined();
    expect(held.state.rules).toBe(1);
  });
});

describe("a session whose rules become too new (SPEC 14.2)", () => {
  it("is lost to whoever holds it and waits for verdicts, and cannot be attached", async () => {
    await test.append(KEY, user.create());
    const old = replicaOf(RULE_BOOK);
    const held = await follow(old);
    // Both are on their way before this node has heard of either.
    const upgraded = upgrade();
    const late = held.publish(user.record([{ sessionUpdated: { title: " late " } }]));
    await upgraded;
    await expect(late.applied).rejects.toMatchObject({ code: "rules_too_new" });
    await late.stored;
    expect(held.lost).toEqual(["rules_too_new"]);
    await expect(follow(old)).rejects.toMatchObject({ code: "rules_too_new", retryAfterMs: 1_000 });
    const current = await follow(replicaOf(NEXT_RULE_BOOK));
    expect(current.state).toMatchObject({ rules: NEXT, info: { title: "late" } });
    expect(canonicalText(current.state)).toBe(canonicalText(await test.foldAll(KEY, NEXT_RULE_BOOK)));
  });

  it("hears from a node that cannot judge it that nobody is there any more, also of joins on their way", async () => {
    await test.append(KEY, user.create());
    const node = new SampleWriter("n", "ROLE_SYSTEM");
    const join = (member: string, on: string, incarnation = 3) =>
      node.record([{ memberJoined: { member, participant: member, role: "ROLE_USER", node: on, incarnation } }]);
    await test.append(KEY, join("m1", "edge-1"));
    await test.append(KEY, join("m2", "edge-2"));
    const old = replicaOf(RULE_BOOK);
    const held = await follow(old);
    await upgrade();
    await test.append(KEY, join("m3", "edge-1"));
    await test.atRest();
    await leaveUnjudged(old, { node: "edge-1", incarnation: 3 }, { sessionKey: KEY, seq: held.state.seq });
    await test.append(KEY, join("m4", "edge-1"));
    await test.append(KEY, join("m5", "edge-1", 4));
    const current = await follow(replicaOf(NEXT_RULE_BOOK));
    expect([...current.state.members.keys()]).toEqual(["m2", "m5"]);
  });
});
