import type { PartSpecJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, openText, storyAtWork } from "./testing/story.ts";

function streaming(limits = {}) {
  const work = storyAtWork(limits);
  const { story, bot, runId, attempt } = work;
  const { messageId, partId } = openText(story, bot, { runId, attempt });
  const append = (at: number, text: string) => story.write(bot, { partAppended: { partId, at, text } }, { attempt });
  /** Appends that a node merged: so many numbers in one record, the first of them `back` before the next. */
  const merged = (numbers: number, at: number, text: string, back = 0) => {
    const first = bot.number + 1 - back;
    bot.number = first + numbers - 1;
    return story.send(bot, { partAppended: { partId, at, text } }, { attempt, first, last: bot.number });
  };
  return { ...work, messageId, partId, append, merged, text: () => story.state.parts.get(partId)?.text };
}

describe("a streaming part", () => {
  test("SPEC 5.2: takes text where it ends, and says where it does not", () => {
    const { append, text } = streaming();
    expect(codeOf(append(0, "Hello"))).toBe("accepted");
    expect(codeOf(append(5, ", world"))).toBe("accepted");
    expect(codeOf(append(13, "!"))).toBe("append_gap");
    expect(codeOf(append(5, "!"))).toBe("append_conflict");
    expect(text()).toBe("Hello, world");
  });

  test("SPEC 5.2: counts in UTF-16 units", () => {
    const { append, text } = streaming();
    append(0, "a🜁é");
    expect(codeOf(append(4, "b"))).toBe("accepted");
    expect(text()).toBe("a🜁éb");
  });

  test("SPEC 4.7: a merged append takes one seq, and its numbers are all known", () => {
    const { story, bot, merged, text } = streaming();
    const { seq } = story.state;
    expect(merged(3, 0, "abc").verdict).toEqual({ kind: "accepted", first: seq + 1, seq: seq + 1 });
    expect(text()).toBe("abc");
    for (const number of [bot.number - 2, bot.number]) {
      expect(codeOf(story.send(bot, { runRequested: {} }, { first: number, last: number }))).toBe("duplicate");
    }
  });

  test("SPEC 4.7: text that a retry through another node brings again is cut off", () => {
    const { merged, text } = streaming();
    merged(3, 0, "abc");
    const result = merged(4, 1, "bcde", 2);
    expect(codeOf(result)).toBe("accepted");
    expect(result.accepted?.events).toMatchObject([{ partAppended: { at: 3, text: "de" } }]);
    expect(text()).toBe("abcde");
  });

  test("SPEC 4.7: an overlap with nothing new adds nothing", () => {
    const { merged, text } = streaming();
    merged(3, 0, "abc");
    expect(merged(2, 2, "c", 1).accepted?.events).toMatchObject([{ partAppended: { at: 3, text: "" } }]);
    expect(text()).toBe("abc");
  });

  test("SPEC 4.7: anything else that overlaps is a conflict", () => {
    const { story, bot, merged } = streaming();
    merged(2, 0, "ab");
    const range = { first: bot.number, last: bot.number + 1 };
    expect(codeOf(story.send(bot, { runRequested: {} }, range))).toBe("producer_conflict");
  });

  test("SPEC 4.8: numbers after a refused one that they overlap are refused with it", () => {
    const { story, bot, append, merged, text } = streaming();
    expect(codeOf(append(7, "x"))).toBe("append_gap");
    expect(codeOf(merged(2, 0, "ab", 1))).toBe("append_gap");
    expect(text()).toBe("");
    expect(codeOf(story.send(bot, { runRequested: {} }))).toBe("append_gap");
  });
});

describe("half a character", () => {
  const [high, low] = ["🜁".slice(0, 1), "🜁".slice(1)];

  test("SPEC 5.3: waits for its other half, and readers get both", () => {
    const { append, text } = streaming();
    const first = append(0, `a${high}`);
    expect(first.accepted?.events).toMatchObject([{ partAppended: { at: 0, text: "a" } }]);
    expect(text()).toBe("a");
    const second = append(2, `${low}b`);
    expect(second.accepted?.events).toMatchObject([{ partAppended: { at: 1, text: "🜁b" } }]);
    expect(text()).toBe("a🜁b");
    expect(codeOf(append(4, "c"))).toBe("accepted");
  });

  test("SPEC 5.3: is replaced where something else comes", () => {
    const { append, text } = streaming();
    append(0, high);
    append(1, high);
    append(2, "x");
    expect(text()).toBe("\ufffd\ufffdx");
  });

  test("SPEC 5.3: is given up at the part's end", () => {
    const { story, bot, partId, attempt, append, text } = streaming();
    append(0, `a${high}`);
    story.write(bot, { partClosed: { partId } }, { attempt });
    expect(text()).toBe("a");
    expect(story.state.parts.get(partId)?.pendingSurrogate).toBe(0);
  });

  test("SPEC 4.7, 5.3: survives a cut in the middle of a character", () => {
    const { merged, text } = streaming();
    merged(2, 0, `a${high}`);
    merged(3, 0, `a${high}${low}b`, 2);
    expect(text()).toBe("a🜁b");
  });
});

describe("a part", () => {
  const set = (partId: string, part: PartSpecJson) => ({ partSet: { partId, part } });

  test("is replaced whole, patched as JSON, and closed", () => {
    const { story, bot, partId, attempt, text } = streaming();
    const data = { kind: "PART_KIND_DATA", name: "weather", text: '{"t":1}' } as const;
    expect(codeOf(story.write(bot, set(partId, data), { attempt }))).toBe("accepted");
    const patch = (operations: unknown) => ({ partPatched: { partId, patch: JSON.stringify(operations) } });
    const grow = patch([{ op: "add", path: "/wind", value: [3] }]);
    expect(codeOf(story.write(bot, grow, { attempt }))).toBe("accepted");
    expect(text()).toBe('{"t":1,"wind":[3]}');
    const wrong = patch([{ op: "remove", path: "/rain" }]);
    expect(codeOf(story.write(bot, wrong, { attempt }))).toBe("invalid_patch");
    story.write(bot, { partClosed: { partId, finish: "FINISH_REASON_STOP" } }, { attempt });
    for (const event of [set(partId, data), grow, { partAppended: { partId, at: 18, text: "x" } }]) {
      expect(codeOf(story.write(bot, event, { attempt }))).toBe("part_closed");
    }
  });

  test("is annotated by others too, also when it is closed", () => {
    const { story, ann, bot, partId, attempt } = streaming();
    story.write(bot, { partClosed: { partId } }, { attempt });
    const note = { partAnnotated: { partId, annotation: { kind: "rating", metadata: "5" } } };
    expect(codeOf(story.write(ann, note))).toBe("accepted");
    expect(story.state.parts.get(partId)?.annotations).toEqual([{ kind: "rating", metadata: "5" }]);
    const backwards = { partAnnotated: { partId, annotation: { kind: "citation", start: 5, end: 2 } } };
    expect(codeOf(story.write(ann, backwards))).toBe("invalid_event");
  });

  test("keeps what it holds beside its text", () => {
    const { story, bot, messageId, attempt } = streaming();
    const part = {
      kind: "PART_KIND_FILE",
      name: "a.png",
      mediaType: "image/png",
      sizeBytes: "123",
      inline: "aGk=",
      sealed: "s",
    } as const;
    story.write(bot, { partOpened: { messageId, part, complete: true } }, { attempt });
    expect(story.state.parts.get(`bot:${bot.number}:0`)).toMatchObject({ spec: part, text: "", closed: true });
  });
});
