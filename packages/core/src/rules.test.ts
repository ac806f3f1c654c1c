import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NEXT_RULE_BOOK } from "./testing/next-rules.ts";
import { choices, effort, limits } from "./testing/properties.ts";
import { randomStory } from "./testing/random/session.ts";
import { codeOf, said, Story } from "./testing/story.ts";
import { applyAccepted, canonical, fold, newSession, RULE_BOOK, type RuleBook, toHead } from "./index.ts";

const CURRENT = RULE_BOOK.length;
const NEXT = NEXT_RULE_BOOK.length;

/** A session that follows the first rules, folded by code that knows the next ones. */
function storyOf(book: RuleBook) {
  const story = new Story({}, book);
  const ann = story.pen("ann", "ROLE_USER");
  const node = story.pen("keeper-1", "ROLE_SYSTEM");
  story.write(ann, { sessionCreated: { title: "Trip" } });
  return { story, ann, node };
}

const upgraded = { rulesUpgraded: { version: NEXT } };

describe("the version of the rules", () => {
  test("SPEC 14.1: is raised by one, by a record of a node, also after the session's end", () => {
    const { story, ann, node } = storyOf(NEXT_RULE_BOOK);
    story.write(ann, { sessionClosed: {} });
    expect(toHead(story.state).rules).toBe(CURRENT);
    expect(codeOf(story.write(ann, upgraded))).toBe("forbidden");
    expect(codeOf(story.write(node, { rulesUpgraded: { version: NEXT + 1 } }))).toBe("stale_cause");
    expect(codeOf(story.write(node, upgraded))).toBe("accepted");
    expect(codeOf(story.write(node, upgraded))).toBe("stale_cause");
    expect(toHead(story.state).rules).toBe(NEXT);
  });

  test("SPEC 14.1: is at a life's begin what its first record says, and the first where that says nothing", () => {
    const begin = (rules: number | undefined) => {
      const story = new Story({}, NEXT_RULE_BOOK);
      const ann = story.pen("ann", "ROLE_USER");
      expect(codeOf(story.write(ann, { sessionCreated: rules === undefined ? {} : { rules } }))).toBe("accepted");
      return story.state.rules;
    };
    expect([begin(undefined), begin(0), begin(1), begin(NEXT)]).toEqual([1, 1, 1, NEXT]);
  });

  test("SPEC 14.1: is not what a second session.created says", () => {
    const { story, ann } = storyOf(NEXT_RULE_BOOK);
    expect(codeOf(story.write(ann, { sessionCreated: { rules: NEXT } }))).toBe("already_exists");
    expect(codeOf(story.write(ann, { sessionCreated: { rules: NEXT + 7 } }))).toBe("already_exists");
    expect(story.state.rules).toBe(CURRENT);
  });

  test("SPEC 14.2: a state with later rules than the code knows is not folded, and stays as it was", () => {
    const { story, ann, node } = storyOf(RULE_BOOK);
    expect(codeOf(story.write(node, upgraded))).toBe("accepted");
    const before = canonical(toHead(story.state));
    story.timeMs += 1_000;
    expect(() => story.write(ann, { runRequested: {} })).toThrow(expect.objectContaining({ code: "rules_too_new" }));
    expect(canonical(toHead(story.state))).toBe(before);
  });

  test("SPEC 14.2: a life that begins under later rules than the code knows is not begun", () => {
    const story = new Story({}, RULE_BOOK);
    const ann = story.pen("ann", "ROLE_USER");
    const begin = () => story.write(ann, { sessionCreated: { rules: NEXT } });
    expect(begin).toThrow(expect.objectContaining({ code: "rules_too_new" }));
    expect(story.state.epoch).toBeUndefined();
  });

  test("SPEC 14.4: a record is judged whole by the rules that were there before it", () => {
    const { story, ann, node } = storyOf(NEXT_RULE_BOOK);
    const untitled = { sessionUpdated: { title: " " } };
    expect(codeOf(story.write(ann, untitled))).toBe("accepted");
    expect(codeOf(story.write(node, [upgraded, upgraded]))).toBe("stale_cause");
    expect(codeOf(story.write(node, upgraded))).toBe("accepted");
    expect(codeOf(story.write(ann, untitled))).toBe("invalid_event");
    expect(codeOf(story.write(ann, { sessionUpdated: { title: " Oslo " } }))).toBe("accepted");
    expect(story.state.info.title).toBe("Oslo");
  });

  test("SPEC 14.4: a life that begins under later rules is judged by them from its first record on", () => {
    const story = new Story({}, NEXT_RULE_BOOK);
    const ann = story.pen("ann", "ROLE_USER");
    const events = [{ sessionCreated: { rules: NEXT } }, { sessionUpdated: { title: " Oslo " } }];
    story.write(ann, events);
    expect(story.state.info.title).toBe("Oslo");
  });

  test("SPEC 14.5: a kind that came with later rules is not known under earlier ones, whatever the code knows", () => {
    const [first = { judges: {}, appliers: {} }] = RULE_BOOK;
    const { controlPause: _later, ...judges } = first.judges;
    const { story, ann, node } = storyOf([{ ...first, judges }, ...RULE_BOOK]);
    const pause = { controlPause: { runId: "ann:1:0" } };
    expect(codeOf(story.write(ann, pause))).toBe("unknown_kind");
    story.write(node, { rulesUpgraded: { version: 2 } });
    expect(codeOf(story.write(ann, pause))).toBe("not_found");
  });

  test("SPEC 14.6: code that knows later rules folds earlier ones to the same bytes", () => {
    fc.assert(
      fc.property(choices, (tape) => {
        const { log, state } = randomStory(tape);
        const later = newSession(limits);
        for (const entry of log) fold(later, entry.record, entry, NEXT_RULE_BOOK);
        expect(canonical(toHead(later))).toBe(canonical(toHead(state)));
      }),
      effort,
    );
  });

  test("SPEC 14.3, 14.4: readers go by the session's rules where they know them, and by the latest they know otherwise", () => {
    const { story, ann, node } = storyOf(NEXT_RULE_BOOK);
    story.write(node, upgraded);
    story.write(ann, said(ann, "hi"));
    const reader = newSession();
    for (const accepted of story.accepted) applyAccepted(reader, accepted);
    expect(reader.rules).toBe(NEXT);
    expect(reader.messages.size).toBe(1);
  });
});
