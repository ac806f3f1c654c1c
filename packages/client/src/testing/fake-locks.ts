import type { LockManager } from "../environment.ts";

/** Web Locks as far as they are used: one holder a name, until its promise settles. */
export class FakeLocks implements LockManager {
  readonly held = new Set<string>();

  async request(
    name: string,
    { ifAvailable }: { ifAvailable: boolean },
    call: (lock: unknown) => Promise<void>,
  ): Promise<void> {
    if (this.held.has(name)) {
      if (ifAvailable) await call(null);
      return;
    }
    this.held.add(name);
    await call({ name });
    this.held.delete(name);
  }
}
