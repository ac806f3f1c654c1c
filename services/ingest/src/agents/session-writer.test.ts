import { LogError } from "@perdure/log";
import type { EventJson } from "@perdure/protocol";
import { ManualClock, OneSession } from "@perdure/replica/testing";
import { expect, test, vi } from "vitest";
import { SessionWriter } from "./session-writer.ts";

const ACTOR = { tenant: "acme", participant: "ingest-1", role: "ROLE_SERVICE" } as const;

test("SPEC 4.5: what a node says is judged also where the session has forgotten that it ever wrote", async () => {
  const session = new OneSession(0, { producers: 2 });
  const writeAs = (producer: string, event: EventJson): void =>
    void session.publish({ producer, first: 1, last: 1, born: session.state.seq, actor: ACTOR, events: [event] });
  writeAs("ann", { sessionCreated: {} });
  const held = await session.attach("acme/s", { onAccepted: () => undefined, onLost: () => undefined });
  const writer = new SessionWriter(held, ACTOR, new ManualClock());
  const say = (title: string): ReturnType<SessionWriter["write"]> =>
    writer.write(() => ({ events: [{ sessionUpdated: { title } }] }));
  expect(await say("early")).toMatchObject({ kind: "accepted" });
  for (const other of ["ben", "cid", "dan"]) writeAs(other, { sessionUpdated: { title: other } });
  expect([await say("late"), await say("later")]).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
  expect(session.state.info.title).toBe("later");
});

test("SPEC 5: what the log does not take leaves no gap that keeps out what a node says next", async () => {
  const session = new OneSession();
  session.publish({ producer: "p", first: 1, last: 1, actor: ACTOR, events: [{ sessionCreated: {} }] });
  const held = await session.attach("acme/s", { onAccepted: () => undefined, onLost: () => undefined });
  const publish = vi.spyOn(held, "publish");
  const writer = new SessionWriter(held, ACTOR, new ManualClock());
  const say = (title: string): ReturnType<SessionWriter["write"]> =>
    writer.write(() => ({ events: [{ sessionUpdated: { title } }] }));
  publish.mockImplementationOnce(() => {
    const refused = Promise.reject(new LogError("too_large", "send less"));
    refused.catch(() => undefined);
    return { stored: refused, applied: refused };
  });
  await expect(say("much")).rejects.toMatchObject({ code: "too_large" });
  expect(await say("less")).toMatchObject({ kind: "accepted" });
});
