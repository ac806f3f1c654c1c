import { afterEach } from "vitest";
import type { Log } from "../port.ts";
import type { LogHarness, OpenOptions } from "./harness.ts";

/** Opens logs for the tests of one describe block, and closes them after each. */
export class Fixture {
  readonly harness: LogHarness;
  #open: Log[] = [];

  constructor(harness: LogHarness) {
    this.harness = harness;
    afterEach(() => this.closeAll());
  }

  async open(options?: OpenOptions): Promise<Log> {
    const log = await this.harness.open(options);
    this.#open.push(log);
    return log;
  }

  /** Closes what is open and opens it again, as a process that starts anew. */
  async reopen(options?: OpenOptions): Promise<Log> {
    await this.closeAll();
    return this.open(options);
  }

  async closeAll(): Promise<void> {
    const logs = this.#open;
    this.#open = [];
    for (const log of logs) await log.close();
  }
}
