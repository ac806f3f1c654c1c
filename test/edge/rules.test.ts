import { createClient } from "@perdure/client";
import { RULE_BOOK, type RuleBook } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import type { Edge } from "@perdure/edge";
import { partitionOf } from "@perdure/log";
import { encodeRecord, keyBytes } from "@perdure/protocol";
import { createReplica, type HeldSession, type Replica, TOPICS } from "@perdure/replica";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { RawClient } from "./raw-client.ts";
import { PARTITIONS, quiet, TENANT, token, urlOf, World, Writer } from "./support.ts";

const NEXT = NEXT_RULE_BOOK.length;

let world: World;
let old: Edge;
let current: Edge;
let replica: Replica;

beforeEach(async () => {
  world = await World.open();
  old = await world.edge({ book: RULE_BOOK });
  current = await world.edge({ book: NEXT_RULE_BOOK });
  replica = createReplica({ log: world.log, partitions: PARTITIONS, logger: quiet, book: NEXT_RULE_BOOK });
});

afterEach(async () => {
  await replica.close();
  await world.close();
});

const follow = (session: string): Promise<HeldSession> =>
  replica.attach(`${TENANT}/${session}`, { onAccepted: () => undefined, onLost: () => undefined });

/** Raises the rules of a session as a keeper does. */
async function upgrade(session: string): Promise<void> {
  const key = `${TENANT}/${session}`;
  const actor = { tenant: TENANT, participant: "keeper", role: "ROLE_SYSTEM" } as const;
  const record = { producer: "keeper", first: 1, last: 1, actor, events: [{ rulesUpgraded: { version: NEXT } }] };
  const entry = { key: keyBytes(key), value: encodeRecord(record) };
  await world.log.append(TOPICS.events, partitionOf(key, PARTITIONS), entry);
}

async function welcomed(edge: Edge): Promise<RawClient> {
  const raw = new RawClient(urlOf(edge));
  await raw.hello(await token());
  return raw;
}

async function writerIn(session: string): Promise<Writer> {
  const held = await follow(session);
  return new Writer(held, { participant: "backend", role: "ROLE_SERVICE" }, "backend");
}

describe("a session whose rules are raised while an edge does not know them (SPEC 14)", () => {
  test("moves its clients to an edge that does, with all they sent and all they have seen", async () => {
    const balancer = await TcpProxy.start({ targets: [old.port] });
    const client = createClient({ url: urlOf(balancer), getToken: () => token(), baseDelayMs: 1 });
    const session = client.session("trip");
    const other = client.session("other");
    await session.send("one");
    await other.send("elsewhere");
    // The connection that there is stays with the old edge; the next one comes to the other.
    balancer.targets = [current.port];
    await upgrade("trip");
    await session.send("two");
    const backend = await writerIn("trip");
    await backend.write([{ sessionUpdated: { title: "Oslo" } }]);
    await expect.poll(() => session.view.title).toBe("Oslo");
    await expect
      .poll(() => session.view.messages.map(({ text, status }) => [text, status]))
      .toEqual([
        ["one", "done"],
        ["two", "done"],
      ]);
    await expect.poll(() => other.status.state).toBe("live");
    // Of the two connections only the one that is left is listed.
    await expect.poll(() => [...backend.held.state.members.values()].map(({ node }) => node)).toEqual(["edge-2"]);
    client.close();
    await balancer.close();
  });

  test("is refused by the old edge with a code and a time, over WebSocket and HTTP, and the rest goes on there", async () => {
    const backend = await writerIn("trip");
    await backend.write([{ sessionCreated: {} }]);
    await upgrade("trip");
    await (await writerIn("calm")).write([{ sessionCreated: {} }]);
    const raw = await welcomed(old);
    await raw.send({ t: "attach", id: 1, session: "trip" });
    expect(await raw.next("error")).toMatchObject({ id: 1, code: "rules_too_new", retryAfterMs: 1_000 });
    await raw.send({ t: "attach", id: 2, session: "calm" });
    expect(await raw.next("attached")).toMatchObject({ id: 2, how: "snapshot" });
    const answer = await fetch(`http://127.0.0.1:${old.port}/v1/sessions/trip`, {
      headers: { authorization: `Bearer ${await token()}` },
    });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "rules_too_new", retryAfterMs: 1_000 });
    raw.close();
  });

  test("tells who follows it when to come back", async () => {
    const backend = await writerIn("trip");
    await backend.write([{ sessionCreated: {} }]);
    const raw = await welcomed(old);
    await raw.send({ t: "attach", id: 1, session: "trip" });
    await raw.next("attached");
    await upgrade("trip");
    expect(await raw.next("detached")).toMatchObject({ code: "rules_too_new", retryAfterMs: 500 });
    raw.close();
  });
});

describe("a session that is begun in a rolling deploy (SPEC 14)", () => {
  const begun = async (edge: Edge, id: string): Promise<number> => {
    const client = createClient({ url: urlOf(edge), getToken: () => token(), baseDelayMs: 1 });
    await client.session(id).send("hello");
    client.close();
    return (await follow(id)).state.rules;
  };

  test("follows the rules that all live nodes know, and later ones when the old node has left", async () => {
    expect(await begun(current, "first")).toBe(RULE_BOOK.length);
    await old.stop();
    const only = await world.edge({ book: NEXT_RULE_BOOK });
    await expect.poll(() => begun(only, `later-${crypto.randomUUID()}`)).toBe(NEXT);
    expect(await begun(current, "last")).toBe(NEXT);
  });

  test("follows the old rules as long as one node says that it knows no more", async () => {
    await old.stop();
    const pinned: RuleBook = NEXT_RULE_BOOK;
    await world.edge({ book: pinned, config: { rulesMax: RULE_BOOK.length } });
    expect(await begun(current, "first")).toBe(RULE_BOOK.length);
  });
});
