import { describe, expect, test } from "vitest";
import type { CheckpointScope, Log } from "../port.ts";
import { Fixture } from "./fixture.ts";
import { bytes, entry, failureOf, Heard, newTopic, Owned, readAll, sorted, text } from "./harness.ts";
import type { LogHarness } from "./harness.ts";

interface Keeping {
  readonly log: Log;
  readonly events: string;
  readonly heads: string;
  readonly index: string;
  readonly group: string;
}

async function keeping(log: Log): Promise<Keeping> {
  const events = await newTopic(log);
  const heads = await newTopic(log, "compact");
  const index = await newTopic(log, "compact");
  return { log, events, heads, index, group: `keepers-${events}` };
}

/** A head, and an index entry that says where it lies, as a keeper writes them. */
function headAndIndex({ heads, index }: Keeping, value: string): (scope: CheckpointScope) => Promise<void> {
  return async (scope) => {
    const offset = await scope.append(heads, entry("session", value));
    await scope.append(index, entry("session", String(offset)));
  };
}

async function texts(log: Log, topic: string, partition = 0): Promise<(string | undefined)[]> {
  return (await readAll(log, topic, partition)).map(text);
}

export function groupContract(harness: LogHarness): void {
  describe("group", () => {
    const fixture = new Fixture(harness);

    test("one member owns all partitions, two share them, and who stays takes over from who leaves", async () => {
      const log = await fixture.open();
      const { events, group } = await keeping(log);
      const [first, second] = [new Owned(), new Owned()];
      const one = await log.joinGroup(group, events, first);
      await first.until(() => first.now.size === 4);
      const alone = first.of(0);
      const two = await log.joinGroup(group, events, second);
      await Promise.all([first.until(() => first.now.size === 2), second.until(() => second.now.size === 2)]);
      expect(sorted([...first.now.keys(), ...second.now.keys()])).toEqual([0, 1, 2, 3]);
      expect(sorted(first.revoked)).toEqual(sorted(second.now.keys()));
      for (const kept of first.now.values()) expect(kept.generation).toBeGreaterThan(alone.generation);
      expect([...first.now.values()].every(({ member }) => member === one.member)).toBe(true);
      expect(two.member).not.toBe(one.member);
      await one.close();
      await second.until(() => second.now.size === 4);
      await two.close();
    });

    test("ownerships are immutable", async () => {
      const log = await fixture.open();
      const { events, group } = await keeping(log);
      const owned = new Owned();
      await log.joinGroup(group, events, owned);
      await owned.until(() => owned.now.size === 4);
      expect(Object.isFrozen(owned.of(0))).toBe(true);
    });
  });

  describe("checkpoint", () => {
    const fixture = new Fixture(harness);

    async function owner({ log, group, events }: Keeping): Promise<Owned> {
      const owned = new Owned();
      await log.joinGroup(group, events, owned);
      await owned.until(() => owned.now.size === 4);
      return owned;
    }

    test("makes all its writes visible, at the offsets it was told", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      for (const value of ["v1", "v2"]) await kept.log.checkpoint(owned.of(0), headAndIndex(kept, value));
      const view = kept.log.latest(kept.index, 0);
      await view.ready;
      const at = Number(text(view.get(bytes("session")) ?? entry("", "")));
      const [head] = await kept.log.read(kept.heads, 0, at, { maxBytes: 1_000 });
      expect([head?.offset, head === undefined ? "" : text(head)]).toEqual([at, "v2"]);
    });

    test("shows nothing while it is open, and a tail neither skips nor doubles what it wrote", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const heard = new Heard();
      kept.log.tail(kept.heads, heard).add(0, 0);
      await kept.log.checkpoint(owned.of(0), async (scope) => {
        await scope.append(kept.heads, entry("a", "in the checkpoint"));
        await kept.log.append(kept.heads, 0, entry("b", "beside it"));
        await scope.append(kept.heads, entry("c", "at its end"));
        expect(await texts(kept.log, kept.heads)).toEqual([]);
        expect(heard.entries).toEqual([]);
      });
      await heard.until(() => heard.of(0).length === 3);
      expect(sorted(heard.texts(0))).toEqual(["at its end", "beside it", "in the checkpoint"]);
      expect(sorted(await texts(kept.log, kept.heads))).toEqual(sorted(heard.texts(0)));
    });

    test("whose write function throws leaves nothing, and the next one goes through", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const boom = new Error("boom");
      const failure = await failureOf(
        kept.log.checkpoint(owned.of(0), async (scope) => {
          await scope.append(kept.heads, entry("session", "half"));
          throw boom;
        }),
      );
      expect(failure).toBe(boom);
      expect(await texts(kept.log, kept.heads)).toEqual([]);
      await kept.log.checkpoint(owned.of(0), headAndIndex(kept, "whole"));
      expect(await texts(kept.log, kept.heads)).toEqual(["whole"]);
      const heard = new Heard();
      kept.log.tail(kept.heads, heard).add(0, 0);
      await heard.until(() => heard.nextOffsets.get(0) === heard.ends.get(0) && heard.entries.length > 0);
      expect(heard.texts(0)).toEqual(["whole"]);
    });

    test("takes no append after it has ended", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const leaked: CheckpointScope[] = [];
      await kept.log.checkpoint(owned.of(0), async (scope) => {
        leaked.push(scope);
        await scope.append(kept.heads, entry("a", "v"));
      });
      expect(await failureOf(leaked[0]?.append(kept.heads, entry("b", "late")) ?? Promise.resolve())).toMatchObject({
        code: "closed",
      });
      expect(await texts(kept.log, kept.heads)).toEqual(["v"]);
    });

    test("of one partition follow one another", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const steps: string[] = [];
      const step = (name: string): Promise<void> =>
        kept.log.checkpoint(owned.of(0), async (scope) => {
          steps.push(`${name} begins`);
          await scope.append(kept.heads, entry(name, name));
          await scope.append(kept.index, entry(name, name));
          steps.push(`${name} ends`);
        });
      await Promise.all([step("a"), step("b"), step("c")]);
      expect(steps).toEqual(["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]));
      expect(await texts(kept.log, kept.heads)).toEqual(["a", "b", "c"]);
    });

    test("is fenced for who has left", async () => {
      const kept = await keeping(await fixture.open());
      const owned = new Owned();
      const member = await kept.log.joinGroup(kept.group, kept.events, owned);
      await owned.until(() => owned.now.size === 4);
      const ownership = owned.of(0);
      await member.close();
      expect(await failureOf(kept.log.checkpoint(ownership, headAndIndex(kept, "v")))).toMatchObject({
        code: "fenced",
      });
      expect(await texts(kept.log, kept.heads)).toEqual([]);
    });

    test("is fenced for an ownership of before a rebalance, of a lost and of a kept partition", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const before = new Map(owned.now);
      const second = new Owned();
      await kept.log.joinGroup(kept.group, kept.events, second);
      await Promise.all([owned.until(() => owned.now.size === 2), second.until(() => second.now.size === 2)]);
      for (const stale of before.values()) {
        expect(await failureOf(kept.log.checkpoint(stale, headAndIndex(kept, "stale")))).toMatchObject({
          code: "fenced",
        });
      }
      for (const current of [...owned.now.values(), ...second.now.values()]) {
        await kept.log.checkpoint(current, headAndIndex(kept, "current"));
        expect(await texts(kept.log, kept.heads, current.partition)).toEqual(["current"]);
      }
    });

    test("is fenced for a partition that went away and came back", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const before = new Map(owned.now);
      const second = new Owned();
      const member = await kept.log.joinGroup(kept.group, kept.events, second);
      await second.until(() => second.now.size === 2);
      const [moved] = second.now.keys();
      await member.close();
      await owned.until(() => owned.now.size === 4);
      const stale = before.get(moved ?? 0) ?? owned.of(0);
      expect(await failureOf(kept.log.checkpoint(stale, headAndIndex(kept, "stale")))).toMatchObject({
        code: "fenced",
      });
      await kept.log.checkpoint(owned.of(stale.partition), headAndIndex(kept, "current"));
      expect(await texts(kept.log, kept.heads, stale.partition)).toEqual(["current"]);
    });

    test("is fenced when the partition is lost while it is open", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      const second = new Owned();
      const before = new Map(owned.now);
      const opened = [...before.values()].map((ownership) =>
        failureOf(
          kept.log.checkpoint(ownership, async (scope) => {
            await scope.append(kept.heads, entry("session", "lost"));
            await second.until(() => second.now.size === 2);
          }),
        ),
      );
      await kept.log.joinGroup(kept.group, kept.events, second);
      for (const failure of await Promise.all(opened)) expect(failure).toMatchObject({ code: "fenced" });
      for (const partition of [0, 1, 2, 3]) expect(await texts(kept.log, kept.heads, partition)).toEqual([]);
    });

    test("outlives the process, whole", async () => {
      const kept = await keeping(await fixture.open());
      const owned = await owner(kept);
      await kept.log.checkpoint(owned.of(2), headAndIndex(kept, "v"));
      const log = await fixture.reopen();
      expect(await texts(log, kept.heads, 2)).toEqual(["v"]);
      expect(await texts(log, kept.index, 2)).toEqual(["0"]);
    });

    test("an entry too large for the log ends it", async () => {
      const kept = await keeping(await fixture.open({ limits: { entryBytes: 5_000 } }));
      const owned = await owner(kept);
      const failure = await failureOf(
        kept.log.checkpoint(owned.of(0), async (scope) => {
          await scope.append(kept.heads, entry("a", "small"));
          await scope.append(kept.heads, entry("b", "x".repeat(6_000)));
        }),
      );
      expect(failure).toMatchObject({ code: "too_large" });
      expect(await texts(kept.log, kept.heads)).toEqual([]);
    });
  });
}
