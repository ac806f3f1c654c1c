import type { Accepted } from "@perdure/core";
import { describe, expect, it } from "vitest";
import { RecentRecords } from "./recent-records.ts";

const accepted = (seq: number, count = 1): Accepted => ({
  seq,
  count,
  timeMs: 1,
  producer: "p",
  number: seq,
  actor: {},
  attempt: 0,
  audience: "AUDIENCE_ALL",
  events: [],
});

const bytes = (count: number): Uint8Array => new Uint8Array(count);
const seqs = (found: readonly Accepted[] | undefined): number[] | undefined => found?.map(({ seq }) => seq);

describe("RecentRecords", () => {
  it("gives what came after a seq, and nothing to a reader that has it all", () => {
    const recent = new RecentRecords(4, { recentRecords: 100, recentBytes: 10_000 });
    for (const seq of [5, 6, 7]) recent.push(accepted(seq), {}, bytes(10));
    expect(seqs(recent.since(4))).toEqual([5, 6, 7]);
    expect(seqs(recent.since(6))).toEqual([7]);
    expect(seqs(recent.since(7))).toEqual([]);
  });

  it("that keeps none still knows that a reader has it all", () => {
    const recent = new RecentRecords(4, { recentRecords: 0, recentBytes: 10_000 });
    for (const seq of [5, 6]) recent.push(accepted(seq), {}, bytes(10));
    expect(seqs(recent.since(6))).toEqual([]);
    expect(recent.since(5)).toBeUndefined();
  });

  it("does not know what came before it", () => {
    const recent = new RecentRecords(4, { recentRecords: 100, recentBytes: 10_000 });
    recent.push(accepted(5), {}, bytes(10));
    expect(recent.since(3)).toBeUndefined();
  });

  it("does not cut a record in two for a seq that lies inside it", () => {
    const recent = new RecentRecords(0, { recentRecords: 100, recentBytes: 10_000 });
    recent.push(accepted(1, 3), {}, bytes(10));
    recent.push(accepted(4), {}, bytes(10));
    expect(recent.since(2)).toBeUndefined();
    expect(seqs(recent.since(3))).toEqual([4]);
  });

  it("keeps no more records and no more bytes than it may", () => {
    const byCount = new RecentRecords(0, { recentRecords: 8, recentBytes: 10_000 });
    for (let seq = 1; seq <= 9; seq += 1) byCount.push(accepted(seq), {}, bytes(1));
    expect(byCount.since(0)).toBeUndefined();
    expect(seqs(byCount.since(1))).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);

    const byBytes = new RecentRecords(0, { recentRecords: 100, recentBytes: 100 });
    byBytes.push(accepted(1), {}, bytes(60));
    byBytes.push(accepted(2), {}, bytes(60));
    expect(byBytes.since(0)).toBeUndefined();
    expect(seqs(byBytes.since(1))).toEqual([2]);
    byBytes.push(accepted(3), {}, bytes(500));
    expect(seqs(byBytes.since(3))).toEqual([]);
  });
});
