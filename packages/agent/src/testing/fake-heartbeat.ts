import type { BeatOptions, Heartbeat } from "../heartbeat/heartbeat.ts";

/** Remembers what it was told. */
export class FakeHeartbeat implements Heartbeat {
  readonly beats: BeatOptions[] = [];
  readonly tokens: string[] = [];
  stopped = false;
  failure: Error | undefined;

  beat(options: BeatOptions): void {
    if (this.failure !== undefined) throw this.failure;
    this.beats.push(options);
  }

  renew(token: string): void {
    this.tokens.push(token);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.resolve();
  }
}
