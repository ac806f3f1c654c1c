import { describe, expect, it } from "vitest";
import { IdleSet } from "./idle-set.ts";
import { ManualClock } from "./testing/manual-clock.ts";

interface Thing {
  readonly name: string;
  idle: boolean;
}

function started(keptMs = 1_000): { clock: ManualClock; set: IdleSet<Thing>; gone: string[] } {
  const clock = new ManualClock();
  const gone: string[] = [];
  const set = new IdleSet<Thing>(clock, keptMs, ({ name }) => gone.push(name));
  return { clock, set, gone };
}

describe("IdleSet", () => {
  it("lets go of what was idle for long enough", () => {
    const { clock, set, gone } = started();
    set.add({ name: "a", idle: true });
    clock.advance(600);
    set.add({ name: "b", idle: true });
    expect(gone).toEqual([]);
    clock.advance(900);
    expect(gone).toEqual(["a"]);
    clock.advance(1_000);
    expect(gone).toEqual(["a", "b"]);
    expect(clock.timerCount).toBe(0);
  });

  it("keeps what is used again, and begins anew when it is idle again", () => {
    const { clock, set, gone } = started();
    const thing = { name: "a", idle: true };
    set.add(thing);
    clock.advance(900);
    set.add(thing);
    clock.advance(900);
    expect(gone).toEqual([]);
    thing.idle = false;
    clock.advance(5_000);
    expect(gone).toEqual([]);
  });

  it("gives up the one that was idle longest when room is needed", () => {
    const { set, gone } = started();
    set.add({ name: "busy", idle: false });
    set.add({ name: "a", idle: true });
    set.add({ name: "b", idle: true });
    expect(set.evictOne()).toBe(true);
    expect(gone).toEqual(["a"]);
    expect(set.evictOne()).toBe(true);
    expect(set.evictOne()).toBe(false);
  });
});
