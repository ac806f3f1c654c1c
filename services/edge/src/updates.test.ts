import { OneSession } from "@perdure/replica/testing";
import { beforeEach, describe, expect, test } from "vitest";
import type { Room } from "./room.ts";
import { Turns } from "./turns.ts";
import { Updates } from "./updates.ts";

let room: Pick<Room, "held" | "handle">;
let updates: Updates;
let number: number;

const actor = { tenant: "acme", participant: "sam", role: "ROLE_SERVICE" } as const;

function happen(title: string): void {
  number += 1;
  const events = [number === 1 ? { sessionCreated: { title } } : { sessionUpdated: { title } }];
  room.held.publish({ producer: "sam-1", first: number, last: number, actor, audience: "AUDIENCE_ALL", events });
}

beforeEach(async () => {
  number = 0;
  const held = await new OneSession(100).attach("acme/trip", { onAccepted: () => undefined, onLost: () => undefined });
  room = { held, handle: 3 };
  updates = new Updates(new Turns());
  for (const title of ["a", "b", "c"]) happen(title);
});

describe("what clients lack", () => {
  test("is made once for all that lack the same", () => {
    const made = updates.since(room, "all", 1);
    expect(made).toMatchObject({ seq: 3, how: "resumed" });
    expect(updates.since(room, "all", 1)).toBe(made);
  });

  test("is another for who lacks less, or may see more, or comes when more has happened", () => {
    const made = updates.since(room, "all", 1);
    expect(updates.since(room, "all", 2)?.text.length).toBeLessThan(made?.text.length ?? 0);
    expect(updates.since(room, "staff", 1)).not.toBe(made);
    happen("d");
    expect(updates.since(room, "all", 1)).toMatchObject({ seq: 4 });
    expect(updates.since(room, "all", 4)).toBeUndefined();
  });

  test("is of the session that is asked for", () => {
    const made = updates.since(room, "all", 1);
    expect(updates.since({ ...room, handle: 4 }, "all", 1)?.text).not.toBe(made?.text);
  });

  test("is not kept once those who wait have had their turn", async () => {
    const made = updates.since(room, "all", 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(updates.since(room, "all", 1)).not.toBe(made);
  });
});
