import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { findChromium } from "../../tools/browser/chromium.ts";
import { answerIn, KafkaTopics } from "../support/kafka-topics.ts";
import type { Produced } from "../support/produced.ts";
import type { LogKind } from "../support/servers.ts";
import { until } from "../support/until.ts";
import { Up } from "../support/up.ts";
import { Device } from "./support/device.ts";

const logs: readonly LogKind[] = ["embedded", "kafka"];
const QUESTION = "What is in this folder?";
const TOKENS_PER_SECOND = 40;
/** Characters after which an answer is well under way, and far from its end. */
const SOME = 150;

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
});
afterAll(() => browser.close());

describe.each(logs)("the workbench on the %s log", (log) => {
  let up: Up;
  let origin: string;
  let home: BrowserContext;
  let sessions = 0;
  const devices: Device[] = [];

  beforeAll(async () => {
    up = await Up.start({ log, tokensPerSecond: TOKENS_PER_SECOND });
    const link = await up.link();
    origin = new URL(link).origin;
    home = (await Device.open(browser, link)).context;
  });
  afterEach(async () => {
    for (const { page, context } of devices.splice(0)) await (context === home ? page.close() : context.close());
  });
  afterAll(() => up.stop());

  /** A device in a new session, where the answer is under way. */
  async function underWay(): Promise<{ session: string; device: Device }> {
    onTestFailed(() => console.error(up.report));
    const session = `browser-${++sessions}`;
    const device = await Device.in(home, `${origin}/s/${session}`);
    devices.push(device);
    await device.ask(QUESTION);
    await device.shows("some of the answer", ({ text }) => text.length > SOME);
    return { session, device };
  }

  async function another(device: Device): Promise<Device> {
    const other = await Device.open(browser, await device.linkForAnother());
    devices.push(other);
    return other;
  }

  const only = (session: string): Produced => {
    const [produced, ...more] = up.produced(session);
    if (produced === undefined || more.length > 0) throw new Error(`${more.length + 1} runs in ${session}`);
    return produced;
  };

  /** Every screen, and the log, have what the agent produced, to the last letter. */
  async function expectWhole(session: string): Promise<Produced> {
    const produced = await until("the end of the agent's work", () => {
      const [run] = up.produced(session);
      return run?.finish === "completed" && run;
    });
    const expected = produced.text.replaceAll(/[^\p{L}\p{N}]/gu, "");
    for (const device of devices) {
      const screen = await device.shows("the end", ({ phase }) => phase === "completed");
      expect(screen.run).toBe(produced.run);
      expect(screen.text).toBe(expected);
      const words = produced.text.split(/\s+/).filter((word) => word !== "").length;
      await expect
        .poll(() => device.counted(), { timeout: 10_000 })
        .toEqual({ shown: words, lost: 0, doubled: 0, identical: true });
      expect(device.errors).toEqual([]);
    }
    const stored = log === "kafka" ? await storedAnswer(session, produced.run) : produced.text;
    expect(stored).toBe(produced.text);
    return produced;
  }

  async function storedAnswer(session: string, run: string): Promise<string> {
    const topics = await KafkaTopics.open(up.brokers, up.topicPrefix);
    try {
      return answerIn(await topics.folded(`local/${session}`), run);
    } finally {
      await topics.close();
    }
  }

  test("a page that is loaded again in the middle of an answer", async () => {
    const { session, device } = await underWay();
    const before = await device.screen();
    await device.page.reload();
    await device.shows("no less than before", ({ text }) => text.length >= (before?.text.length ?? 0));
    expect(only(session).finish).toBeUndefined();
    await expectWhole(session);
  });

  test("a second device that joins in the middle", async () => {
    const { session, device } = await underWay();
    const other = await another(device);
    await other.shows("what was there before it came", ({ text }) => text.length > SOME);
    expect(only(session).finish).toBeUndefined();
    await expectWhole(session);
  });

  test("five seconds offline in the middle", async () => {
    const { session, device } = await underWay();
    await another(device);
    await device.goOffline(5_000);
    await device.cutOff();
    const { text } = only(session);
    await device.live();
    expect(only(session).text.length).toBeGreaterThan(text.length);
    await expectWhole(session);
  });

  test("the agent killed in the middle: what was finished is kept, the half answer is gone", async () => {
    const { session, device } = await underWay();
    await another(device);
    const before = await device.screen();
    await device.press("kill-agent");
    for (const one of devices) await one.shows("the half answer gone", ({ text }) => text.length < SOME);
    const produced = await expectWhole(session);
    expect(produced).toMatchObject({ attempts: 2, begun: ["1 write:0", "2 write:0"] });
    const after = await device.screen();
    // The last one was under way; those before it took as long as they had taken.
    expect(after?.steps.length).toBe(before?.steps.length);
    expect(after?.steps.slice(0, -1)).toEqual(before?.steps.slice(0, -1));
  });

  test("an operator takes over in the middle, and hands back", async () => {
    const { session, device } = await underWay();
    const operator = await Device.in(home, `${origin}/s/${session}?as=operator`);
    devices.push(operator);
    const [theirs, own] = [device, operator].map(({ page }) => page.getByTestId("floor"));
    expect(await theirs?.isVisible()).toBe(false);
    await operator.press("floor-button");
    const WAIT = 15_000;
    await expect.poll(() => theirs?.innerText(), { timeout: WAIT }).toMatch(/^The operator has taken over/);
    await expect.poll(() => own?.innerText(), { timeout: WAIT }).toMatch(/^You have taken over.*Hand back/s);
    await device.shows("that the answer waits", ({ phase }) => phase === "suspended");
    await operator.ask("One moment, I am looking at it.");
    await expect.poll(() => device.page.getByTestId("question").last().innerText()).toContain("One moment");
    await operator.press("floor-button");
    await expect.poll(() => theirs?.isVisible(), { timeout: WAIT }).toBe(false);
    await expectWhole(session);
  });

  test("the servers killed in the middle", async () => {
    const { session, device } = await underWay();
    await another(device);
    await device.press("kill-server");
    for (const one of devices) await one.cutOff();
    for (const one of devices) await one.live();
    await expectWhole(session);
  });
});
