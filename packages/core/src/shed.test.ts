import { describe, expect, test } from "vitest";
import { codeOf, openText, said, storyAtWork } from "./testing/story.ts";
import { LIMITS } from "./index.ts";

describe("shedding", () => {
  test("SPEC 10.5: the oldest that is settled leaves past 64 KB, until 32 KB remain", () => {
    const { story, ann } = storyAtWork();
    const most: number[] = [];
    for (let count = 0; count < 300; count += 1) {
      story.write(ann, said(ann, `${count} `.repeat(200)));
      most.push(story.state.settledWeight);
    }
    expect(Math.max(...most)).toBeLessThanOrEqual(LIMITS.settledBytes);
    expect(story.pages.length).toBeGreaterThan(1);
    expect(story.pages.map(({ number = 0 }) => number)).toEqual(story.pages.map((_, index) => index));
    expect(story.state.nextPage).toBe(story.pages.length);
    const left = story.pages.flatMap(({ messages = [] }) => messages.map(({ id }) => id));
    const ids = Array.from({ length: 300 }, (_, index) => `ann:${index + 3}:0`);
    expect([...left, ...story.state.messages.keys()]).toEqual(ids);
    const [page] = story.pages;
    expect([page?.firstSeq, page?.lastSeq]).toEqual([
      Math.min(
        ...(page?.messages ?? []).map(({ changed = 0 }) => changed),
        ...(page?.messages ?? []).flatMap(({ parts = [] }) => parts.map(({ changed = 0 }) => changed)),
      ),
      Math.max(...(page?.messages ?? []).map(({ changed = 0 }) => changed)),
    ]);
  });

  test("SPEC 10.5: what is open stays, whatever its age", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    const { messageId } = openText(story, bot, { runId, attempt });
    for (let count = 0; count < 100; count += 1) story.write(ann, said(ann, "x".repeat(2000)));
    expect(story.pages.length).toBeGreaterThan(0);
    expect(story.state.messages.has(messageId)).toBe(true);
    expect(story.state.runs.has(runId)).toBe(true);
  });

  test("SPEC 10.5: runs, requests and signals leave with the messages of their time", () => {
    const { story, ann, bot, runId, attempt } = storyAtWork();
    story.write(bot, { requestOpened: { runId, kind: "REQUEST_KIND_FORM" } }, { attempt });
    story.write(ann, { controlSteer: { runId, text: "x" } });
    story.write(bot, { runCompleted: { runId, result: "y".repeat(1000) } }, { attempt });
    for (let count = 0; count < 40; count += 1) story.write(ann, said(ann, "x".repeat(2000)));
    const [page] = story.pages;
    expect([page?.runs?.length, page?.requests?.length, page?.controls?.length]).toEqual([1, 1, 1]);
    expect(page?.runs).toMatchObject([{ id: runId, phase: "RUN_PHASE_COMPLETED" }]);
    expect([story.state.runs.size, story.state.requests.size, story.state.controls.size]).toEqual([0, 0, 0]);
  });

  test("SPEC 10.6: a message larger than a page is split by part", () => {
    const { story, ann } = storyAtWork();
    const messageId = "ann:3:0";
    const part = (text: string) => ({ partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text } } }) as const;
    const texts = ["a", "b", "c", "d"].map((letter) => letter.repeat(30_000));
    const events = [
      { messageOpened: { role: "MESSAGE_ROLE_USER" } } as const,
      ...texts.map(part),
      part("e".repeat(90_000)),
    ];
    story.write(ann, [...events, { messageClosed: { messageId } }]);
    expect(story.pages.map(({ piece, pieces }) => [piece, pieces])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    const parts = story.pages.flatMap(({ messages = [] }) => messages.map((message) => message.parts?.length));
    expect(parts).toEqual([2, 2, 1]);
    for (const page of story.pages) expect(page.messages).toMatchObject([{ id: messageId, closed: true }]);
  });

  test("SPEC 10.7: what has left can no longer be changed, and unknown parents are taken on trust", () => {
    const { story, ann } = storyAtWork();
    story.write(ann, said(ann, "first"));
    for (let count = 0; count < 40; count += 1) story.write(ann, said(ann, "x".repeat(2000)));
    const first = "ann:3:0";
    expect(story.state.messages.has(first)).toBe(false);
    expect(codeOf(story.write(ann, { messageRemoved: { messageId: first } }))).toBe("archived");
    const note = { partAnnotated: { partId: "ann:3:1", annotation: { kind: "rating" } } };
    expect(codeOf(story.write(ann, note))).toBe("archived");
    const below = { messageOpened: { role: "MESSAGE_ROLE_USER", parentId: first, editOf: "ann:3:0" } } as const;
    expect(codeOf(story.write(ann, below))).toBe("accepted");
  });
});
