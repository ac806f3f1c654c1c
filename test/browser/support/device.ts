// A device: a browser of its own (cookies, storage), and a page of the workbench in it.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { until } from "../../support/until.ts";

/** What a screen shows of the latest answer. */
export interface Screen {
  readonly run: string;
  readonly phase: string;
  /** Letters and digits, without the markup that Markdown has become. */
  readonly text: string;
  /** Of its steps: label and, once over, how long it took. */
  readonly steps: readonly string[];
}

export class Device {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page's scripts did not catch. */
  readonly errors: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** A new device that opens the link. */
  static async open(browser: Browser, link: string): Promise<Device> {
    const context = await browser.newContext();
    return Device.in(context, link);
  }

  /** A page on a device that is in already. */
  static async in(context: BrowserContext, url: string): Promise<Device> {
    const device = new Device(context, await context.newPage());
    await device.page.goto(url);
    await device.live();
    return device;
  }

  async live(): Promise<void> {
    await this.page.locator("[data-testid=connection][data-tone=good]").waitFor();
  }

  async cutOff(): Promise<void> {
    await this.page.locator("[data-testid=connection]:not([data-tone=good])").waitFor();
  }

  async ask(question: string): Promise<void> {
    await this.page.getByTestId("composer-input").fill(question);
    await this.page.getByTestId("send").click();
  }

  async press(testId: string): Promise<void> {
    await this.page.getByTestId(testId).click();
  }

  /** The link that the page shows for one more device. */
  async linkForAnother(): Promise<string> {
    await this.press("second-device");
    const link = await this.page.getByTestId("device-link").innerText();
    await this.page.keyboard.press("Escape");
    return link;
  }

  /** Cuts this device off the servers, as its button does. */
  async goOffline(forMs: number): Promise<void> {
    const status = await this.page.evaluate(
      async (body) => {
        const device = sessionStorage.getItem("perdure:device");
        const headers = { "content-type": "application/json" };
        const answer = await fetch("/api/offline", {
          method: "POST",
          headers,
          body: JSON.stringify({ device, ...body }),
        });
        return answer.status;
      },
      { forMs },
    );
    if (status !== 200) throw new Error(`/api/offline answered ${status}`);
  }

  async screen(): Promise<Screen | undefined> {
    return this.page.evaluate(() => {
      const answer = [...document.querySelectorAll("[data-testid=answer]")].at(-1);
      if (answer === undefined) return undefined;
      const shown = [...answer.querySelectorAll("[data-testid=answer-text] .prose")]
        .map((one) => one.textContent)
        .join("");
      return {
        run: answer.getAttribute("data-run") ?? "",
        phase: answer.getAttribute("data-phase") ?? "",
        text: shown.replaceAll(/[^\p{L}\p{N}]/gu, ""),
        steps: [...answer.querySelectorAll("[data-testid=step] > .step-line")].map((line) => line.textContent),
      };
    });
  }

  /** Resolves to what the screen shows once that is as `test` says. */
  async shows(what: string, test: (screen: Screen) => boolean): Promise<Screen> {
    return until(what, async () => {
      const screen = await this.screen();
      return screen !== undefined && test(screen) && screen;
    });
  }

  /** What the page's own counter says of its session side. */
  async counted(): Promise<{
    readonly shown: number;
    readonly lost: number;
    readonly doubled: number;
    readonly identical: boolean;
  }> {
    const number = async (name: string): Promise<number> =>
      Number((await this.page.getByTestId(`session-${name}`).innerText()).replaceAll(",", ""));
    const identical = await this.page.getByTestId("session-tape").getAttribute("data-identical");
    return {
      shown: await number("shown"),
      lost: await number("lost"),
      doubled: await number("doubled"),
      identical: identical === "true",
    };
  }
}
