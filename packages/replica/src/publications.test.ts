import type { Verdict } from "@perdure/core";
import { type Appended, LogError } from "@perdure/log";
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
});
