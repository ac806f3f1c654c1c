import { describe, expect, test } from "vitest";
import { JudgingSession } from "./testing/judging-session.ts";
import { LosableStore } from "./testing/losable-store.ts";
import { OutboxPage } from "./testing/outbox-page.ts";

/** What a page says right behind something that the session refuses. */
const FOLLOWERS = ["first", "second", "third"];
const REFUSED = "gone:1";
/** More than a page needs until all is judged. */
const STEPS = 14;

/** A page has said all that, and so many of its records have come to the session. */
async function afterSteps(stepCount: number): Promise<{ session: JudgingSession; store: LosableStore }> {
  const session = new JudgingSession();
  const store = new LosableStore();
  const page = await OutboxPage.open("gone", store, session);
  page.say("in another's voice", true);
  for (const text of FOLLOWERS) page.say(text);
  for (let step = 0; step < stepCount; step += 1) page.arrive();
  return { session, store };
}

/** Every place at which the page may end, with every number of writes that its storage may lose then. */
async function* crashes() {
  for (let stepCount = 0; stepCount <= STEPS; stepCount += 1) {
    const { writeCount } = (await afterSteps(stepCount)).store;
    for (let lostCount = 0; lostCount <= writeCount; lostCount += 1) {
      const { session, store } = await afterSteps(stepCount);
      yield {
        at: `after ${stepCount} steps, ${lostCount} writes lost`,
        session,
        store: store.without((age) => age < lostCount),
      };
    }
  }
}

async function allJudged(pages: readonly OutboxPage[]): Promise<void> {
  for (let step = 0; step < 10 * STEPS; step += 1) for (const page of pages) page.arrive();
  expect(pages.map(({ isQuiet }) => isQuiet)).not.toContain(false);
}

describe("SPEC 4: what followed a message that was refused is there once", () => {
  test("where the page ends at any moment, and its storage loses any of its last writes", async () => {
    for await (const { at, session, store } of crashes()) {
      const page = await OutboxPage.open("next", store, session);
      await allJudged([page]);
      expect({ at, doubled: session.doubled }).toEqual({ at, doubled: [] });
      expect({ at, losses: page.losses.filter((record) => record !== REFUSED) }).toEqual({ at, losses: [] });
    }
  });

  test("where two pages that cannot tell of each other send what a third one left behind", async () => {
    for await (const { at, session, store } of crashes()) {
      const names = ["left", "right"];
      await allJudged(await Promise.all(names.map((name) => OutboxPage.open(name, store, session))));
      expect({ at, doubled: session.doubled }).toEqual({ at, doubled: [] });
    }
  });

  test("and nothing that was stored is missing", async () => {
    for (let stepCount = 0; stepCount <= STEPS; stepCount += 1) {
      const { session, store } = await afterSteps(stepCount);
      await allJudged([await OutboxPage.open("next", store, session)]);
      expect([session.texts, store.length]).toEqual([FOLLOWERS, 0]);
    }
  });
});
