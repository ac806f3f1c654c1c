import { describe, expect, test } from "vitest";
import { Fixture } from "./fixture.ts";
import { entry, Heard, newTopic, text } from "./harness.ts";
import type { LogHarness } from "./harness.ts";

export function tailContract(harness: LogHarness): void {
  describe("tail", () => {
    const fixture = new Fixture(harness);

    test("hears what is there from an offset on, then what comes, in order and once", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (let at = 0; at < 10; at += 1) await log.append(topic, 0, entry("k", String(at)));
      const heard = new Heard();
      log.tail(topic, heard).add(0, 4);
      for (let at = 10; at < 60; at += 1) await log.append(topic, 0, entry("k", String(at)));
      await heard.until(() => heard.of(0).length >= 56);
      expect(heard.of(0).map(({ offset }) => offset)).toEqual(Array.from({ length: 56 }, (_unused, at) => at + 4));
      expect(heard.texts(0)).toEqual(heard.of(0).map(({ offset }) => String(offset)));
      expect(heard.nextOffsets.get(0)).toBe(60);
    });

    test("says at once where an empty partition stands", async () => {
      const log = await fixture.open({ isPatient: true });
      const topic = await newTopic(log);
      const heard = new Heard();
      log.tail(topic, heard).add(2, 0);
      await heard.until(() => heard.ends.has(2));
      expect([heard.nextOffsets.get(2), heard.ends.get(2), heard.of(2)]).toEqual([0, 0, []]);
    });

    test("a partition that is added never waits for a poll that is running", async () => {
      const log = await fixture.open({ isPatient: true });
      const topic = await newTopic(log);
      await log.append(topic, 1, entry("k", "there before"));
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      tail.add(0, 0);
      await heard.until(() => heard.ends.has(0));
      // By now the poll for partition 0 is out, and nothing will come for it.
      await log.append(topic, 2, entry("k", "x"));
      tail.add(1, 0);
      await heard.until(() => heard.of(1).length === 1);
      tail.add(2, 0);
      tail.add(3, 0);
      await heard.until(() => heard.of(2).length === 1 && heard.ends.has(3));
      for (const partition of [0, 1, 2, 3]) await log.append(topic, partition, entry("k", "live"));
      await heard.until(() => [0, 1, 2, 3].every((partition) => heard.texts(partition).at(-1) === "live"));
      expect(heard.texts(1)).toEqual(["there before", "live"]);
      expect(heard.texts(2)).toEqual(["x", "live"]);
    });

    test("adding partitions over and over reads each entry once", async () => {
      const log = await fixture.open({ isPatient: true });
      const topic = await newTopic(log, "none", 12);
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      for (let partition = 0; partition < 12; partition += 1) {
        tail.add(partition, 0);
        for (let before = 0; before <= partition; before += 1)
          await log.append(topic, before, entry("k", `${partition}`));
      }
      await heard.until(() => heard.entries.length >= 78);
      for (let partition = 0; partition < 12; partition += 1) {
        const expected = Array.from({ length: 12 - partition }, (_unused, at) => String(at + partition));
        expect(heard.texts(partition)).toEqual(expected);
      }
    });

    test("says where each partition stands, however many are added one after another to silent ones", async () => {
      const log = await fixture.open({ isPatient: true });
      const topic = await newTopic(log, "none", 12);
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      for (let partition = 0; partition < 12; partition += 1) {
        tail.add(partition, 0);
        await heard.until(() => heard.ends.has(partition));
      }
      expect(heard.errors.size).toBe(0);
    });

    test("says anew where a partition stands for each that begins to follow it, also where another just left", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const kept = new Heard();
      log.tail(topic, kept).add(1, 0);
      await kept.until(() => kept.ends.has(1));
      for (let round = 0; round < 20; round += 1) {
        const heard = new Heard();
        const tail = log.tail(topic, heard);
        tail.add(0, 0);
        await heard.until(() => heard.ends.has(0));
        if (round % 3 === 0) {
          await log.append(topic, 1, entry("k", String(round)));
          await kept.until(() => kept.texts(1).at(-1) === String(round));
        }
        await tail.close();
        expect(heard.errors.size).toBe(0);
      }
    });

    test("a partition that was removed is silent, and can come back anywhere", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      tail.add(0, 0);
      tail.add(1, 0);
      await log.append(topic, 0, entry("k", "a"));
      await heard.until(() => heard.of(0).length === 1);
      tail.remove(0);
      await log.append(topic, 0, entry("k", "b"));
      await log.append(topic, 1, entry("k", "other"));
      await heard.until(() => heard.of(1).length === 1);
      expect(heard.texts(0)).toEqual(["a"]);
      tail.add(0, 0);
      await heard.until(() => heard.of(0).length === 3);
      expect(heard.texts(0)).toEqual(["a", "a", "b"]);
    });

    test("adding a followed partition again replaces its position", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (let at = 0; at < 5; at += 1) await log.append(topic, 0, entry("k", String(at)));
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      tail.add(0, 5);
      await heard.until(() => heard.ends.has(0));
      tail.add(0, 2);
      await heard.until(() => heard.of(0).length === 3);
      await log.append(topic, 0, entry("k", "5"));
      await heard.until(() => heard.of(0).length === 4);
      expect(heard.texts(0)).toEqual(["2", "3", "4", "5"]);
    });

    test("a listener's promise holds its partition and no other", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const heard = new Heard();
      const held = Promise.withResolvers<void>();
      let running = 0;
      let most = 0;
      heard.onBatch = async (partition, entries) => {
        if (partition !== 0 || entries.length === 0) return;
        running += 1;
        most = Math.max(most, running);
        await held.promise;
        running -= 1;
      };
      const tail = log.tail(topic, heard);
      tail.add(0, 0);
      tail.add(1, 0);
      for (let at = 0; at < 30; at += 1) {
        await log.append(topic, 0, entry("k", String(at)));
        await log.append(topic, 1, entry("k", String(at)));
      }
      await heard.until(() => heard.of(1).length === 30);
      const whileHeld = heard.of(0).length;
      expect(whileHeld).toBeLessThan(30);
      held.resolve();
      await heard.until(() => heard.of(0).length === 30);
      expect(heard.texts(0)).toEqual(Array.from({ length: 30 }, (_unused, at) => String(at)));
      expect(most).toBe(1);
    });

    test("a callback that follows its partition anew from within is over before the next one begins", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const heard = new Heard();
      const gate = Promise.withResolvers<void>();
      const tail = log.tail(topic, heard);
      let running = 0;
      let most = 0;
      heard.onBatch = async (_partition, entries) => {
        running += 1;
        most = Math.max(most, running);
        if (entries.length > 0 && heard.of(0).length === 1) {
          tail.add(0, 0);
          await gate.promise;
        }
        running -= 1;
      };
      tail.add(0, 0);
      await heard.until(() => heard.ends.has(0));
      await log.append(topic, 0, entry("k", "a"));
      await heard.until(() => heard.of(0).length === 1);
      const other = new Heard();
      log.tail(topic, other).add(0, 0);
      await other.until(() => other.of(0).length === 1);
      await log.append(topic, 0, entry("k", "b"));
      await other.until(() => other.of(0).length === 2);
      gate.resolve();
      await heard.until(() => heard.of(0).length === 3);
      expect(heard.texts(0)).toEqual(["a", "a", "b"]);
      expect(most).toBe(1);
    });

    test("what ends a partition is told when its listener is not in a callback any more", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const heard = new Heard();
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      let running = 0;
      heard.onBatch = async (_partition, entries) => {
        if (entries.length === 0) return;
        running += 1;
        await gates.shift()?.promise;
        running -= 1;
      };
      let runningAtError: number | undefined;
      const tail = log.tail(topic, {
        onEntries: (partition, entries, nextOffset, end) => heard.onEntries(partition, entries, nextOffset, end),
        onPartitionError: (partition, error) => {
          runningAtError = running;
          heard.onPartitionError(partition, error);
        },
      });
      const [first, second] = gates;
      const other = new Heard();
      log.tail(topic, other).add(0, 0);
      tail.add(0, 0);
      await heard.until(() => heard.ends.has(0));
      await log.append(topic, 0, entry("k", "held"));
      await heard.until(() => heard.of(0).length === 1);
      // One more fetch is taken in while the listener holds; what comes after it is trimmed away.
      await log.append(topic, 0, entry("k", "taken in"));
      await other.until(() => other.of(0).length === 2);
      for (const value of ["a", "b", "c"]) await log.append(topic, 0, entry("k", value));
      await other.until(() => other.of(0).length === 5);
      await log.trim(topic, 0, 5);
      first?.resolve();
      await heard.until(() => heard.of(0).length === 2 || heard.errors.has(0));
      // By now the place is asked for again. What the other tail hears takes longer than to be told that it is gone.
      for (let round = 1; round <= 10; round += 1) {
        await log.append(topic, 0, entry("k", "more"));
        await other.until(() => other.of(0).length === 5 + round);
        await log.bounds(topic, 0);
      }
      second?.resolve();
      await heard.until(() => heard.errors.has(0));
      expect(heard.errors.get(0)).toMatchObject({ code: "offset_trimmed", start: 5 });
      expect(runningAtError).toBe(0);
    });

    test("a position before the start is offset_trimmed with the start, one beyond the end offset_future", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (const partition of [0, 0, 0, 1]) await log.append(topic, partition, entry("k", "v"));
      await log.trim(topic, 0, 2);
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      tail.add(0, 1);
      tail.add(1, 7);
      await heard.until(() => heard.errors.size === 2);
      expect(heard.errors.get(0)).toMatchObject({ code: "offset_trimmed", start: 2 });
      expect(heard.errors.get(1)).toMatchObject({ code: "offset_future" });
      tail.add(0, 2);
      await heard.until(() => heard.of(0).length === 1);
    });

    test("an unknown partition or topic is told, and stops nothing else", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const heard = new Heard();
      const tail = log.tail(topic, heard);
      tail.add(9, 0);
      tail.add(0, 0);
      await log.append(topic, 0, entry("k", "v"));
      await heard.until(() => heard.errors.has(9) && heard.of(0).length === 1);
      expect(heard.errors.get(9)).toMatchObject({ code: "no_such_topic" });
      const lost = new Heard();
      log.tail("nowhere", lost).add(0, 0);
      await lost.until(() => lost.errors.has(0));
      expect(lost.errors.get(0)).toMatchObject({ code: "no_such_topic" });
    });

    test("a listener that throws loses that partition and hears so", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const heard = new Heard();
      heard.onBatch = (partition, entries) => {
        if (partition === 0 && entries.length > 0) throw new Error("listener");
      };
      const tail = log.tail(topic, heard);
      tail.add(0, 0);
      tail.add(1, 0);
      await log.append(topic, 0, entry("k", "v"));
      await heard.until(() => heard.errors.has(0));
      await log.append(topic, 1, entry("k", "v"));
      await heard.until(() => heard.of(1).length === 1);
      expect(heard.errors.get(0)).toMatchObject({ code: "unavailable" });
    });

    test("two tails of one partition are each where they are", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (let at = 0; at < 3; at += 1) await log.append(topic, 0, entry("k", String(at)));
      const [first, second] = [new Heard(), new Heard()];
      log.tail(topic, first).add(0, 0);
      log.tail(topic, second).add(0, 2);
      await log.append(topic, 0, entry("k", "3"));
      await Promise.all([first.until(() => first.of(0).length === 4), second.until(() => second.of(0).length === 2)]);
      expect(first.texts(0)).toEqual(["0", "1", "2", "3"]);
      expect(second.texts(0)).toEqual(["2", "3"]);
    });

    test("catching up with more than one fetch brings loses nothing", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const value = "x".repeat(50_000);
      await Promise.all(
        Array.from({ length: 100 }, (_unused, at) => log.append(topic, 0, entry(`k${at}`, `${at} ${value}`))),
      );
      const heard = new Heard();
      log.tail(topic, heard).add(0, 0);
      await heard.until(() => heard.of(0).length === 100);
      expect(heard.of(0).map(({ offset }) => offset)).toEqual(Array.from({ length: 100 }, (_unused, at) => at));
    });

    test("a closed tail is silent", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const [closed, open] = [new Heard(), new Heard()];
      const tail = log.tail(topic, closed);
      tail.add(0, 0);
      log.tail(topic, open).add(0, 0);
      await log.append(topic, 0, entry("k", "a"));
      await closed.until(() => closed.of(0).length === 1);
      await tail.close();
      tail.add(1, 0);
      await log.append(topic, 0, entry("k", "b"));
      await open.until(() => open.of(0).length === 2);
      expect(closed.entries.map(text)).toEqual(["a"]);
    });
  });
}
