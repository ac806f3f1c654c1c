import { describe, expect, test } from "vitest";
import { Fixture } from "./fixture.ts";
import { bytes, entry, failureOf, newTopic, readAll, text } from "./harness.ts";
import type { LogHarness } from "./harness.ts";

const ROOMY = { batchBytes: 4_096, entryBytes: 10_000 };

export function appendContract(harness: LogHarness): void {
  describe("append", () => {
    const fixture = new Fixture(harness);

    test("what was acknowledged reads back as it was written", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const value = Uint8Array.from({ length: 70_000 }, (_unused, at) => at % 251);
      const headers = [
        { name: "traceparent", value: bytes("00-1-2-01") },
        { name: "empty", value: bytes("") },
      ];
      const { partition, offset } = await log.append(topic, 3, { key: bytes("tenant/ä"), value, headers });
      expect({ partition, offset }).toEqual({ partition: 3, offset: 0 });
      const [read] = await log.read(topic, 3, 0, { maxBytes: 1 });
      expect(read?.offset).toBe(0);
      expect(new TextDecoder().decode(read?.key)).toBe("tenant/ä");
      expect(Buffer.from(read?.value ?? []).equals(value)).toBe(true);
      expect(read?.headers?.map(({ name, value: content }) => [name, new TextDecoder().decode(content)])).toEqual([
        ["traceparent", "00-1-2-01"],
        ["empty", ""],
      ]);
    });

    test("an empty value is not a missing one", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log, "compact");
      await log.append(topic, 0, entry("a", ""));
      await log.append(topic, 0, entry("b", null));
      expect((await readAll(log, topic)).map(text)).toEqual(["", undefined]);
    });

    test("what was acknowledged is there after the log was closed and opened again", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (const value of ["one", "two", "three"]) await log.append(topic, 1, entry("k", value));
      const again = await fixture.reopen();
      expect((await readAll(again, topic, 1)).map(text)).toEqual(["one", "two", "three"]);
      expect(await again.append(topic, 1, entry("k", "four"))).toMatchObject({ offset: 3 });
    });

    test("what was acknowledged survives a kill, once, in order", async () => {
      const topic = await newTopic(await fixture.open());
      await fixture.closeAll();
      const acknowledged = await harness.appendThroughKill(topic, 400);
      const log = await fixture.open();
      const stored = (await readAll(log, topic)).map((each) => Number(text(each)));
      expect(acknowledged.length).toBeGreaterThan(0);
      expect(stored.filter((value) => acknowledged.includes(value))).toEqual(acknowledged);
      expect(stored).toEqual(stored.toSorted((a, b) => a - b));
    });

    test("entries of one lane keep the order in which they were handed in", async () => {
      const log = await fixture.open({ limits: ROOMY });
      const topic = await newTopic(log);
      const lanes = ["a", "b", "c"];
      const offsets = await Promise.all(
        Array.from({ length: 300 }, (_unused, at) => log.append(topic, 0, entry(lanes[at % 3] ?? "", String(at)))),
      );
      const read = await readAll(log, topic);
      expect(read).toHaveLength(300);
      for (const lane of lanes) {
        const numbers = read
          .filter(({ key }) => new TextDecoder().decode(key) === lane)
          .map((each) => Number(text(each)));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
      expect(read.map((each) => offsets[Number(text(each))]?.offset)).toEqual(read.map(({ offset }) => offset));
    });

    test("a lane with a backlog delays another by its turn and not by its backlog", async () => {
      const log = await fixture.open({ limits: ROOMY });
      const topic = await newTopic(log);
      const value = "x".repeat(500);
      const busy = Array.from({ length: 200 }, () => log.append(topic, 0, entry("busy", value)));
      const quick = await log.append(topic, 0, entry("quick", value));
      const offsets = (await Promise.all(busy)).map(({ offset }) => offset);
      expect(offsets.filter((offset) => offset < quick.offset).length).toBeLessThan(30);
    });

    test("a full lane is refused with a time to wait, and does not stop the others", async () => {
      const limits = { entryBytes: 2_000, laneQueueBytes: 5_000, partitionQueueBytes: 50_000, retryAfterMs: 70 };
      const log = await fixture.open({ limits });
      const topic = await newTopic(log);
      const value = "x".repeat(1_500);
      // The first append of a partition may have to ask where it is; the queue is what this is about.
      await log.append(topic, 0, entry("busy", value));
      const busy = Array.from({ length: 8 }, () => failureOf(log.append(topic, 0, entry("busy", value))));
      const other = failureOf(log.append(topic, 0, entry("other", value)));
      const failures = await Promise.all(busy);
      expect(failures.slice(0, 3)).toEqual([undefined, undefined, undefined]);
      for (const failure of failures.slice(3)) expect(failure).toMatchObject({ code: "unavailable", retryAfterMs: 70 });
      expect(await other).toBeUndefined();
      expect(await failureOf(log.append(topic, 0, entry("busy", value)))).toBeUndefined();
    });

    test("a full partition is refused, and another partition is not", async () => {
      const limits = { entryBytes: 2_000, laneQueueBytes: 2_000, partitionQueueBytes: 8_000 };
      const log = await fixture.open({ limits });
      const topic = await newTopic(log);
      const value = "x".repeat(1_500);
      await log.append(topic, 0, entry("first", value));
      const all = Array.from({ length: 10 }, (_unused, at) =>
        failureOf(log.append(topic, 0, entry(`lane-${at}`, value))),
      );
      const other = failureOf(log.append(topic, 1, entry("lane-0", value)));
      const failures = await Promise.all(all);
      expect(failures.slice(0, 5).every((failure) => failure === undefined)).toBe(true);
      for (const failure of failures.slice(5)) expect(failure).toMatchObject({ code: "unavailable" });
      expect(await other).toBeUndefined();
    });

    test("an entry over the limit is too_large, and the next one goes on", async () => {
      const log = await fixture.open({ limits: { entryBytes: 1_000 } });
      const topic = await newTopic(log);
      expect(await failureOf(log.append(topic, 0, entry("k", "x".repeat(1_001))))).toMatchObject({ code: "too_large" });
      expect(await log.append(topic, 0, entry("k", "small"))).toMatchObject({ offset: 0 });
    });

    test("an unknown topic, and a partition that a topic does not have, is no_such_topic", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (const partition of [4, -1, 1.5]) {
        expect(await failureOf(log.append(topic, partition, entry("k", "v")))).toMatchObject({ code: "no_such_topic" });
      }
      expect(await failureOf(log.append("nowhere", 0, entry("k", "v")))).toMatchObject({ code: "no_such_topic" });
    });

    test("closing loses nothing that was acknowledged, and refuses what comes after", async () => {
      const log = await fixture.open({ limits: ROOMY });
      const topic = await newTopic(log);
      const appends = Array.from({ length: 300 }, (_unused, at) =>
        failureOf(log.append(topic, 0, entry("k", String(at)))),
      );
      const closing = log.close();
      expect(await failureOf(log.append(topic, 0, entry("k", "late")))).toMatchObject({ code: "closed" });
      const failures = await Promise.all(appends);
      await closing;
      const stored = (await readAll(await fixture.reopen(), topic)).map(text);
      expect(stored).toEqual(failures.flatMap((failure, at) => (failure === undefined ? [String(at)] : [])));
    });

    test("time is the log's append time, and never runs backwards", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const beforeMs = Date.now();
      for (let at = 0; at < 20; at += 1) await log.append(topic, 0, entry("k", String(at)));
      const times = (await readAll(log, topic)).map(({ timeMs }) => timeMs);
      // A broker on this machine shares this clock; a millisecond is what rounding takes.
      expect(times[0]).toBeGreaterThanOrEqual(beforeMs - 1);
      expect(times.at(-1)).toBeLessThanOrEqual(Date.now() + 1);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });

    const { appendStamped } = harness;
    if (appendStamped === undefined) return;
    test("a writer's stamp that lies is not the time", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const beforeMs = Date.now();
      await appendStamped(topic, 0, entry("k", "v"), 86_400_000);
      const [read] = await readAll(log, topic);
      expect(read?.timeMs).toBeGreaterThanOrEqual(beforeMs - 1);
    });
  });
}
