import type { Verdict } from "@perdure/core";
import { type Appended, LogError } from "@perdure/log";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Publications } from "./publications.ts";

const verdict = (seq: number): Verdict => ({ kind: "accepted", first: seq, seq });

describe("Publications", () => {
  it("matches a verdict by the record's offset, when the tail comes after the acknowledgement", async () => {
    const publications = new Publications();
    const { stored, applied } = publications.add(Promise.resolve({ partition: 0, offset: 7 }));
    await stored;
    publications.judged(6, verdict(1));
    publications.judged(7, verdict(2));
    await expect(applied).resolves.toEqual(verdict(2));
    expect(publications.openCount).toBe(0);
  });

  it("matches a verdict that comes before the acknowledgement", async () => {
    const publications = new Publications();
    const first = Promise.withResolvers<Appended>();
    const second = Promise.withResolvers<Appended>();
    const one = publications.add(first.promise);
    const two = publications.add(second.promise);
    publications.judged(7, verdict(2));
    publications.judged(8, verdict(3));
    second.resolve({ partition: 0, offset: 8 });
    first.resolve({ partition: 0, offset: 7 });
    await expect(one.applied).resolves.toEqual(verdict(2));
    await expect(two.applied).resolves.toEqual(verdict(3));
  });

  it("says that nothing was judged where nothing was stored", async () => {
    const publications = new Publications();
    const refusal = new LogError("too_large", "too large");
    const { stored, applied } = publications.add(Promise.reject(refusal));
    await expect(stored).rejects.toBe(refusal);
    await expect(applied).rejects.toBe(refusal);
    expect(publications.openCount).toBe(0);
  });

  it("says so whenever nobody waits any more, however the outcome came", async () => {
    const openCounts: number[] = [];
    const publications: Publications = new Publications(() => openCounts.push(publications.openCount));
    await publications.add(Promise.resolve({ partition: 0, offset: 1 })).stored;
    publications.judged(1, verdict(1));
    const early = Promise.withResolvers<Appended>();
    const { applied } = publications.add(early.promise);
    publications.judged(2, verdict(2));
    early.resolve({ partition: 0, offset: 2 });
    await applied;
    await expect(publications.add(Promise.reject(new LogError("closed", "closed"))).applied).rejects.toThrow("closed");
    expect(openCounts).toEqual([0, 0, 0]);
  });

  it("tells all who wait when the session is lost, stored or not", async () => {
    const publications = new Publications();
    const late = Promise.withResolvers<Appended>();
    const one = publications.add(Promise.resolve({ partition: 0, offset: 1 }));
    await one.stored;
    const two = publications.add(late.promise);
    const lost = new Error("lost");
    publications.fail(lost);
    late.resolve({ partition: 0, offset: 2 });
    await expect(one.applied).rejects.toBe(lost);
    await expect(two.applied).rejects.toBe(lost);
    await expect(two.stored).resolves.toEqual({ partition: 0, offset: 2 });
  });

  it("keeps verdicts only as long as an append is on its way that began before them, also if there always is one", async () => {
    const publications = new Publications();
    const begin = () => {
      const { promise, resolve } = Promise.withResolvers<Appended>();
      return { resolve, applied: publications.add(promise).applied };
    };
    let last = begin();
    for (let offset = 0; offset < 200; offset += 10) {
      const next = begin();
      for (let passed = offset; passed < offset + 10; passed += 1) publications.judged(passed, verdict(passed));
      last.resolve({ partition: 0, offset });
      expect(await last.applied).toEqual(verdict(offset));
      expect(publications.earlyCount).toBeLessThanOrEqual(20);
      last = next;
    }
  });

  it("tells each writer the verdict on its own record, in whatever order both come (SPEC 4)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { maxLength: 120 }), async (moments) => {
        const publications = new Publications();
        const onTheirWay: { resolve: (appended: Appended) => void; offset: number }[] = [];
        const told: Promise<Verdict>[] = [];
        const offsets: number[] = [];
        let next = 0;
        let judged = 0;
        const acknowledge = async (at: number): Promise<void> => {
          const [append] = onTheirWay.splice(at % Math.max(1, onTheirWay.length), 1);
          append?.resolve({ partition: 0, offset: append.offset });
          await Promise.resolve();
        };
        for (const { kind, at } of moments) {
          if (kind === "own") {
            const { promise, resolve } = Promise.withResolvers<Appended>();
            told.push(publications.add(promise).applied);
            offsets.push(next);
            onTheirWay.push({ resolve, offset: next++ });
          } else if (kind === "others") next += 1;
          else if (kind === "judged" && judged < next) publications.judged(judged, verdict(judged++));
          else if (kind === "acknowledged") await acknowledge(at);
        }
        for (; judged < next; judged += 1) publications.judged(judged, verdict(judged));
        while (onTheirWay.length > 0) await acknowledge(0);
        expect(await Promise.all(told)).toEqual(offsets.map(verdict));
        expect([publications.openCount, publications.earlyCount]).toEqual([0, 0]);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

const moment = fc.record({
  kind: fc.constantFrom("own", "own", "others", "judged", "judged", "acknowledged"),
  at: fc.nat({ max: 20 }),
});
