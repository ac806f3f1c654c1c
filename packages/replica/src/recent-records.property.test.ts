import { type Accepted, fold, newSession } from "@perdure/core";
import { choices, effort, limits, openText, randomStory, storyAtWork } from "@perdure/core/testing";
import { decodeRecord, encodeRecord, type RecordJson } from "@perdure/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecentRecords } from "./recent-records.ts";

/** What a session holds that keeps every record as the fold gave it. */
class PlainList {
  readonly #caps: Caps;
  readonly #kept: { readonly accepted: Accepted; readonly sizeBytes: number }[] = [];
  #from: number;

  constructor(from: number, caps: Caps) {
    this.#from = from;
    this.#caps = caps;
  }

  push(accepted: Accepted, sizeBytes: number): void {
    this.#kept.push({ accepted, sizeBytes });
    while (this.#kept.length > this.#caps.recentRecords || this.#sizeBytes() > this.#caps.recentBytes) {
      const gone = this.#kept.shift();
      if (gone !== undefined) this.#from = lastSeq(gone.accepted);
    }
  }

  since(seq: number): readonly Accepted[] | undefined {
    if (seq < this.#from) return undefined;
    const behind = this.#kept.flatMap(({ accepted }) => (lastSeq(accepted) > seq ? accepted : []));
    return behind.every((accepted) => accepted.seq > seq) ? behind : undefined;
  }

  #sizeBytes = (): number => this.#kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

interface Caps {
  readonly recentRecords: number;
  readonly recentBytes: number;
}

const lastSeq = ({ seq, count }: Accepted): number => seq + count - 1;

/** The accepted records of a session as a node has them, which reads them from bytes. */
function heard(log: readonly { readonly record: RecordJson; readonly offset: number; readonly timeMs: number }[]) {
  const state = newSession(limits);
  return log.flatMap(({ record: written, ...position }) => {
    const value = encodeRecord(written);
    const record = decodeRecord(value);
    const { accepted } = fold(state, record, position);
    return accepted === undefined || accepted.seq === 0 ? [] : [{ accepted, record, value }];
  });
}

const caps = fc.record({
  recentRecords: fc.oneof(fc.nat({ max: 40 }), fc.constant(2_048)),
  recentBytes: fc.oneof(fc.nat({ max: 4_000 }), fc.constant(512 * 1024)),
});

describe("the recent records of any session", () => {
  test("SPEC 10.1: are to a reader with any cursor what a list of all that the fold gave would be", () => {
    fc.assert(
      fc.property(choices, caps, fc.nat(), fc.array(fc.nat(), { minLength: 1 }), (tape, limitsOf, start, cursors) => {
        const records = heard(randomStory(tape).log);
        const behind = records.slice(start % (records.length + 1));
        const from = (behind[0]?.accepted.seq ?? 1) - 1;
        const [recent, plain] = [new RecentRecords(from, limitsOf), new PlainList(from, limitsOf)];
        for (const [index, { accepted, record, value }] of behind.entries()) {
          recent.push(accepted, record, value);
          plain.push(accepted, value.length);
          const cursor = Math.max(0, lastSeq(accepted) + 1 - ((cursors[index % cursors.length] ?? 0) % 60));
          expect(recent.since(cursor)).toStrictEqual(plain.since(cursor));
        }
        const end = behind.at(-1)?.accepted.seq ?? 0;
        for (let seq = 0; seq <= end + 4; seq += Math.ceil(end / 40) + 1) {
          expect(recent.since(seq)).toStrictEqual(plain.since(seq));
        }
      }),
      effort,
    );
  });

  test("an append is read again from its bytes where they say just what was accepted, and only there", () => {
    const { story, bot, runId, attempt } = storyAtWork();
    const { partId } = openText(story, bot, { runId, attempt });
    story.write(bot, { partAppended: { partId, text: "whole" } }, { attempt });
    // Numbers that another node has brought already, with what they said then.
    const again = { partAppended: { partId, text: "whole and more" } };
    story.send(bot, again, { attempt, first: bot.number, last: bot.number + 1 });
    const records = heard(story.log);
    const recent = new RecentRecords(0, { recentRecords: 100, recentBytes: 10_000 });
    for (const { accepted, record, value } of records) recent.push(accepted, record, value);

    const found = recent.since(0) ?? [];
    expect(found).toStrictEqual(records.map(({ accepted }) => accepted));
    expect(found.map((accepted, index) => accepted === records[index]?.accepted)).toEqual([
      ...Array.from({ length: records.length - 2 }, () => true),
      false,
      true,
    ]);
    expect(found.at(-1)?.events).toEqual([{ partAppended: { partId, at: 5, text: " and more" } }]);
  });
});
