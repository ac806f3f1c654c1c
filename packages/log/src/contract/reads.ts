import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Fixture } from "./fixture.ts";
import { bytes, entry, failureOf, Heard, newTopic, readAll, sorted, text } from "./harness.ts";
import type { LogHarness } from "./harness.ts";

export function readContract(harness: LogHarness): void {
  describe("read, bounds and trim", () => {
    const fixture = new Fixture(harness);

    test("reads at any position, within the bytes asked for, but at least one entry", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      const appends = Array.from({ length: 40 }, (_unused, at) =>
        log.append(topic, 0, entry(`k${at}`, `${at}`.padEnd(900, "."))),
      );
      await Promise.all(appends);
      const three = await log.read(topic, 0, 17, { maxBytes: 3_500 });
      expect(three.map(({ offset }) => offset)).toEqual([17, 18, 19]);
      const one = await log.read(topic, 0, 39, { maxBytes: 1 });
      expect(one.map(({ offset }) => offset)).toEqual([39]);
      expect(await readAll(log, topic, 0, 5)).toHaveLength(35);
    });

    test("at the end there is nothing, beyond it offset_future", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      await log.append(topic, 0, entry("k", "v"));
      expect(await log.read(topic, 0, 1, { maxBytes: 100 })).toEqual([]);
      expect(await failureOf(log.read(topic, 0, 2, { maxBytes: 100 }))).toMatchObject({ code: "offset_future" });
      expect(await failureOf(log.read("nowhere", 0, 0, { maxBytes: 100 }))).toMatchObject({ code: "no_such_topic" });
    });

    test("bounds are where a partition begins and ends", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      expect(await log.bounds(topic, 0)).toEqual({ start: 0, end: 0 });
      for (let at = 0; at < 3; at += 1) await log.append(topic, 0, entry("k", String(at)));
      expect(await log.bounds(topic, 0)).toEqual({ start: 0, end: 3 });
      expect(await log.bounds(topic, 1)).toEqual({ start: 0, end: 0 });
    });

    test("trim moves the start for good, and what was trimmed is offset_trimmed with the start", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (let at = 0; at < 10; at += 1) await log.append(topic, 0, entry("k", String(at)));
      await log.trim(topic, 0, 6);
      expect(await log.bounds(topic, 0)).toEqual({ start: 6, end: 10 });
      expect(await failureOf(log.read(topic, 0, 5, { maxBytes: 100 }))).toMatchObject({
        code: "offset_trimmed",
        start: 6,
      });
      await log.trim(topic, 0, 3);
      await log.trim(topic, 0, 99);
      const again = await fixture.reopen();
      expect(await again.bounds(topic, 0)).toEqual({ start: 10, end: 10 });
      expect(await again.append(topic, 0, entry("k", "after"))).toMatchObject({ offset: 10 });
      expect((await again.read(topic, 0, 10, { maxBytes: 100 })).map(text)).toEqual(["after"]);
    });

    test("a tail that stands before a trim is told so", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log);
      for (let at = 0; at < 6; at += 1) await log.append(topic, 0, entry("k", String(at)));
      await log.trim(topic, 0, 6);
      const heard = new Heard();
      log.tail(topic, heard).add(0, 0);
      await heard.until(() => heard.errors.has(0));
      expect(heard.errors.get(0)).toMatchObject({ code: "offset_trimmed", start: 6 });
    });

    test("a compacted topic is not trimmed", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log, "compact");
      expect(await failureOf(log.trim(topic, 0, 1))).toBeInstanceOf(TypeError);
    });

    test("provisioning twice changes nothing and says what differs", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log, "none", 3);
      await log.append(topic, 0, entry("k", "v"));
      expect(await log.provision([{ name: topic, partitions: 3, cleanup: "none" }])).toEqual([]);
      const differences = await log.provision([{ name: topic, partitions: 5, cleanup: "compact" }]);
      expect(differences).toContainEqual(expect.objectContaining({ setting: "partitions", wanted: "5", found: "3" }));
      expect(differences.some(({ setting }) => setting.startsWith("cleanup"))).toBe(true);
      expect(differences.every((difference) => difference.topic === topic)).toBe(true);
      expect((await readAll(log, topic)).map(text)).toEqual(["v"]);
      expect(await failureOf(log.append(topic, 3, entry("k", "v")))).toMatchObject({ code: "no_such_topic" });
    });

    test("topics made at the same moment are told apart, and one made twice is made once", async () => {
      const log = await fixture.open();
      const [one, other] = [`contract-${randomUUID()}`, `contract-${randomUUID()}`];
      await Promise.all([one, other, one].map((name) => log.provision([{ name, partitions: 1, cleanup: "none" }])));
      for (const topic of [one, other]) await log.append(topic, 0, entry("k", topic));
      for (const topic of [one, other]) expect((await readAll(log, topic)).map(text)).toEqual([topic]);
    });
  });

  describe("latest", () => {
    const fixture = new Fixture(harness);

    test("is the last entry of each key, kept current, without those whose last one is a tombstone", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log, "compact");
      await log.append(topic, 0, entry("a", "a1"));
      await log.append(topic, 0, entry("b", "b1"));
      await log.append(topic, 0, entry("a", "a2"));
      await log.append(topic, 0, entry("b", null));
      await log.append(topic, 1, entry("a", "elsewhere"));
      const seen: (string | undefined)[] = [];
      const came = Promise.withResolvers<void>();
      const view = log.latest(topic, 0, (each) => {
        seen.push(text(each));
        if (text(each) === "c1") came.resolve();
      });
      await view.ready;
      expect([...view.entries()].map(text)).toEqual(["a2"]);
      expect(view.get(bytes("b"))).toBeUndefined();
      expect(view.size).toBe(1);
      expect(seen.slice(-2)).toEqual(["a2", undefined]);
      await log.append(topic, 0, entry("c", "c1"));
      await came.promise;
      expect(text(view.get(bytes("c")) ?? entry("", "none"))).toBe("c1");
      await view.close();
    });

    test("of an empty partition is ready at once", async () => {
      const log = await fixture.open({ isPatient: true });
      const topic = await newTopic(log, "compact");
      const view = log.latest(topic, 3);
      await view.ready;
      expect(view.size).toBe(0);
    });

    test("outlives the process", async () => {
      const log = await fixture.open();
      const topic = await newTopic(log, "compact");
      for (let at = 0; at < 50; at += 1) await log.append(topic, 0, entry(`k${at % 5}`, String(at)));
      const view = (await fixture.reopen()).latest(topic, 0);
      await view.ready;
      expect(sorted([...view.entries()].map(text))).toEqual(["45", "46", "47", "48", "49"]);
    });

    test("of an unknown topic is refused", async () => {
      const log = await fixture.open();
      expect(await failureOf(log.latest("nowhere", 0).ready)).toMatchObject({ code: "no_such_topic" });
    });
  });
}
