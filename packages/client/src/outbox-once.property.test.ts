import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FakeLocks } from "./testing/fake-locks.ts";
import { JudgingSession } from "./testing/judging-session.ts";
import { LosableStore } from "./testing/losable-store.ts";
import { type Fate, OutboxPage } from "./testing/outbox-page.ts";

const EFFORT = { seed: 20_261, numRuns: 500 };
const PAGES_MAX = 3;
/** Far more than it takes until all is judged. */
const LAST_STEPS = 2_000;
/** What a crash takes of the last writes, a bit each, the last one first: all of the last few, or any of them. */
const LOSSES = [0, 0b1, 0b11, 0b111, 0b11111, 0b11111111, 0b111111111111, 0b10101, 0b110010, 0b1011011100];
const FATES: readonly Fate[] = ["told", "told", "told", "unheard", "unavailable"];

/** One browser: its pages, and what they said, which all goes into one session. */
class Browser {
  readonly session = new JudgingSession();
  readonly said: string[] = [];
  #store = new LosableStore();
  #pages: OutboxPage[] = [];
  #opened = 0;
  readonly #locks: FakeLocks | undefined;

  constructor(locks?: FakeLocks) {
    this.#locks = locks;
  }

  get pages(): readonly OutboxPage[] {
    return this.#pages;
  }

  get storedCount(): number {
    return this.#store.length;
  }

  async open(): Promise<void> {
    if (this.#pages.length === PAGES_MAX) return;
    this.#opened += 1;
    this.#pages.push(await OutboxPage.open(`page${this.#opened}`, this.#store, this.session, this.#locks));
  }

  say(page: OutboxPage, isDoomed: boolean): void {
    const text = `line ${this.said.length}`;
    if (!isDoomed) this.said.push(text);
    page.say(text, isDoomed);
  }

  /**
   * All pages are gone at once, and one is opened again: of what was on its way some gets there, and the storage has lost
   * some of what it had last.
   */
  async crash(arrivingCount: number, lostWrites = 0): Promise<void> {
    for (const page of this.#pages) for (let count = 0; count < arrivingCount; count += 1) page.arrive("unheard");
    this.#pages = [];
    this.#locks?.held.clear();
    this.#store = this.#store.without((age) => age < 30 && ((lostWrites >> age) & 1) === 1);
    await this.open();
  }

  /** One choice of what happens next. */
  async happen(choice: number): Promise<void> {
    const [what, rest] = [choice % 16, Math.floor(choice / 16)];
    const page = this.#pages.at(rest % PAGES_MAX);
    const more = Math.floor(rest / PAGES_MAX);
    if (what === 0) return this.open();
    if (what === 1) return this.crash(more % 5, this.#locks === undefined ? LOSSES[more % LOSSES.length] : 0);
    if (page === undefined) return undefined;
    if (what === 2) return page.reconnect(more % 5);
    if (what < 6) return this.say(page, more % 3 === 0);
    return page.arrive(FATES[more % FATES.length]);
  }

  /** From now on everything gets through. */
  settle(): void {
    for (const page of this.#pages) page.reconnect(0);
    for (let step = 0; step < LAST_STEPS && this.#pages.some(({ isQuiet }) => !isQuiet); step += 1)
      for (const page of this.#pages) page.arrive();
  }
}

const happenings = fc.array(fc.nat({ max: 100_000 }), { minLength: 10, maxLength: 120, size: "max" });

async function browserAfter(choices: readonly number[], locks?: FakeLocks): Promise<Browser> {
  const browser = new Browser(locks);
  await browser.open();
  for (const choice of choices) await browser.happen(choice);
  browser.settle();
  expect(browser.pages.filter(({ isQuiet }) => !isQuiet)).toEqual([]);
  return browser;
}

test("SPEC 4: whatever pages that cannot tell of each other, their storage and the network do, what is said is there once", async () => {
  await fc.assert(
    fc.asyncProperty(happenings, async (choices) => {
      const { session } = await browserAfter(choices);
      expect(session.doubled).toEqual([]);
    }),
    EFFORT,
  );
});

test("SPEC 1, 4: with Web Locks, and a storage that loses nothing, all that is said is there, and nothing stays stored", async () => {
  await fc.assert(
    fc.asyncProperty(happenings, async (choices) => {
      const { session, said, storedCount } = await browserAfter(choices, new FakeLocks());
      expect([new Set(session.texts), session.doubled, storedCount]).toEqual([new Set(said), [], 0]);
    }),
    EFFORT,
  );
});
