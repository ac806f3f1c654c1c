import { mkdirSync, realpathSync } from "node:fs";
import { logLimits } from "@perdure/log";
import type { Log, LogLimits } from "@perdure/log";
import { EmbeddedLog } from "./embedded-log.ts";
import { leaveDirectory, takeDirectory } from "./owner.ts";
import { Store } from "./store.ts";

export interface EmbeddedLogOptions {
  /** Where the files live; made when missing. */
  readonly dir: string;
  /** The log's append time, Unix milliseconds; default: the system's clock. */
  readonly clock?: () => number;
  readonly limits?: Partial<LogLimits>;
}

/** How long a removed key stays visible as a tombstone: longer than any reader stays behind, as in Kafka by default. */
const TOMBSTONES_KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Opens the log in a directory. What it acknowledges is on disk. Throws `unavailable` where a log in this or another
 * process already holds the directory, and RangeError for limits that contradict one another.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Log> {
  const limits = logLimits(options.limits);
  const clock = options.clock ?? Date.now;
  mkdirSync(options.dir, { recursive: true });
  const dir = realpathSync(options.dir);
  const store = new Store(dir);
  try {
    takeDirectory(store.root, dir);
  } catch (error) {
    await store.close();
    throw error;
  }
  await store.commit(() => {
    store.removeReplaced();
    store.removeTombstones(clock() - TOMBSTONES_KEPT_MS);
  });
  const onClosed = async (): Promise<void> => {
    leaveDirectory(store.root, dir);
    await store.close();
  };
  return new EmbeddedLog({ store, limits, clock, onClosed });
}
