import type { ReplicaLogger } from "../options.ts";

/** Keeps what is logged, so that a test can look at it. */
export class TestLogger implements ReplicaLogger {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];

  warn(_details: object, message: string): void {
    this.warnings.push(message);
  }

  error(_details: object, message: string): void {
    this.errors.push(message);
  }
}
