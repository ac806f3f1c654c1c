import type { EventJson } from "@perdure/protocol";
import { OneSession } from "@perdure/replica/testing";
import { expect, test } from "vitest";
import { settle, TestEdge } from "./testing/test-edge.ts";

test("SPEC 9.1: who comes and goes is seen also where the session has forgotten that this node ever wrote", async () => {
  const session = new OneSession(0, { producers: 2 });
  let numbers = 0;
  const write = (event: EventJson): void => {
    numbers += 1;
    const actor = { tenant: "acme", participant: "service", role: "ROLE_SERVICE" } as const;
    const born = session.state.seq;
    session.publish({ producer: `k-${numbers}`, first: 1, last: 1, born, actor, events: [event] });
  };
  write({ sessionCreated: {} });
  const edge = new TestEdge(session);
  const [ann, ben] = [await edge.client("ann"), await edge.client("ben")];
  const here = (): string[] => Array.from(session.state.members.values(), ({ participant }) => participant);
  const forget = (): void => {
    for (let count = 0; count < 3; count += 1) write({ sessionUpdated: { title: `${count}` } });
  };
  ann.attach();
  await settle();
  forget();
  ben.attach();
  await settle();
  expect(here()).toEqual(["ann", "ben"]);
  forget();
  ann.socket.end(1000);
  await settle();
  expect(here()).toEqual(["ben"]);
});
