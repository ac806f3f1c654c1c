import { type Browser, type BrowserContext, chromium, type WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFailed, test } from "vitest";
import { findChromium } from "../../tools/browser/chromium.ts";
import { until } from "../support/until.ts";
import { Up } from "../support/up.ts";
import { Device } from "./support/device.ts";

const SESSION = "two-tabs";
const QUESTION = "What is in this folder?";

let browser: Browser;
let up: Up;
let home: BrowserContext;
let url: string;
/** By connection: what it wants to write, until it may. */
const held = new Map<WebSocketRoute, (() => void)[]>();
let isHeld = true;

function hold(socket: WebSocketRoute): void {
  const server = socket.connectToServer();
  socket.onMessage((frame) => {
    const pass = (): void => server.send(frame);
    const writes = String(frame).includes('"t":"send"');
    if (isHeld && writes) held.set(socket, [...(held.get(socket) ?? []), pass]);
    else pass();
  });
}

function letGo(): void {
  isHeld = false;
  for (const passes of held.values()) for (const pass of passes) pass();
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
  up = await Up.start({ log: "embedded", tokensPerSecond: 200 });
  const link = await up.link();
  url = new URL(`/s/${SESSION}`, link).href;
  home = (await Device.open(browser, link)).context;
  await home.addInitScript(() => {
    // As where a page comes over http from somewhere else than this machine.
    Object.defineProperty(Navigator.prototype, "locks", { configurable: true, get: () => undefined });
    // The workbench gives each tab a server's address of its own, and what is stored is for one address.
    sessionStorage.setItem("perdure:device", "one-for-all-tabs");
  });
  await home.routeWebSocket(/v1\/connect/, hold);
});
afterAll(async () => {
  await browser.close();
  await up.stop();
});

/** How many records are stored in the browser. */
const storedIn = ({ page }: Device): Promise<number> =>
  page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("outbox:")).length);

/** Puts a message before the one that is stored, which follows it: one that a session refuses, a person's in an agent's voice. */
const putRefusedBefore = ({ page }: Device): Promise<void> =>
  page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.includes("outbox:")) ?? "";
    const text = localStorage.getItem(key) ?? "";
    const [producer] = key.split(":").slice(-2);
    const second = text
      .replaceAll(`"${producer}:1:`, `"${producer}:2:`)
      .replace(`"number":1`, `"number":2`)
      .replace(`"parentId":""`, `"parentId":"${producer}:1:0"`);
    localStorage.setItem(key, text.replace("MESSAGE_ROLE_USER", "MESSAGE_ROLE_ASSISTANT"));
    localStorage.setItem(key.replace(/1$/, "2"), second);
  });

test("SPEC 4: two tabs without Web Locks that open at once send what a closed page left behind once", async () => {
  onTestFailed(() => console.error(up.report));
  const closed = await Device.in(home, url);
  expect(await closed.page.evaluate(() => navigator.locks)).toBeUndefined();
  await closed.ask(QUESTION);
  await until("it is stored", async () => (await storedIn(closed)) === 1);
  await putRefusedBefore(closed);
  await closed.page.close();
  held.clear();

  const tabs = await Promise.all([Device.in(home, url), Device.in(home, url)]);
  await until("both have it to send", () => held.size === tabs.length);
  letGo();
  for (const tab of tabs) {
    await tab.shows("the end of the answer", ({ phase }) => phase === "completed");
    expect(await storedIn(tab)).toBe(0);
    expect(await tab.page.getByTestId("question").count()).toBe(1);
    expect(tab.errors).toEqual([]);
  }
  expect(up.produced(SESSION)).toHaveLength(1);
});
