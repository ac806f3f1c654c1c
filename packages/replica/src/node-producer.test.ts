import type { Verdict } from "@perdure/core";
import { beforeEach, expect, test } from "vitest";
import { NodeProducer } from "./node-producer.ts";
import { OneSession } from "./testing/index.ts";

const ACTOR = { tenant: "acme", participant: "node", role: "ROLE_SERVICE" } as const;

let session: OneSession;

beforeEach(() => {
  session = new OneSession(0, { producers: 2 });
  session.publish({ producer: "ann", first: 1, last: 1, actor: ACTOR, events: [{ sessionCreated: {} }] });
});

function write(producer: NodeProducer, title: string): Promise<Verdict> {
  return session.publish({ ...producer.next(), actor: ACTOR, events: [{ sessionUpdated: { title } }] }).applied;
}

/** What becomes of a record, and of the same one again where it was not judged. */
async function writeTwice(producer: NodeProducer): Promise<string[]> {
  const { id } = producer;
  const first = await write(producer, "late");
  if (!producer.beginAnewAfter(first) || producer.id === id) return [outcomeOf(first)];
  return [outcomeOf(first), outcomeOf(await write(producer, "late"))];
}

const outcomeOf = (verdict: Verdict): string => (verdict.kind === "rejected" ? verdict.code : verdict.kind);

test("SPEC 4.3: its records are judged one after the other, also where one is refused", async () => {
  const producer = new NodeProducer(session);
  expect(await write(producer, "one")).toMatchObject({ kind: "accepted" });
  const tooLong = await write(producer, "x".repeat(100_000));
  expect(tooLong).toMatchObject({ kind: "rejected", code: "too_large" });
  expect(producer.beginAnewAfter(tooLong)).toBe(false);
  expect(await write(producer, "three")).toMatchObject({ kind: "accepted" });
});

test("SPEC 4.5: goes on as another where the session has forgotten it", async () => {
  const producer = new NodeProducer(session);
  await write(producer, "early");
  for (const title of ["other", "another"]) await write(new NodeProducer(session), title);
  expect(await writeTwice(producer)).toEqual(["producer_expired", "accepted"]);
});

test("SPEC 5.1: goes on as another where a record of it never came to the session", async () => {
  const producer = new NodeProducer(session);
  await write(producer, "early");
  producer.next();
  expect(await writeTwice(producer)).toEqual(["producer_gap", "accepted"]);
});
