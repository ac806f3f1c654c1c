import type { Log } from "@perdure/log";
import { Backoff } from "./backoff.ts";
import { Cluster, waitEnded } from "./cluster.ts";
import { kafkaSettings } from "./config.ts";
import type { KafkaLogConfig } from "./config.ts";
import { KafkaLog } from "./kafka-log.ts";

/**
 * Opens the log on a Kafka cluster. Settles when a broker has answered, which is tried for as long as it takes, or
 * until `signal` ends it (`closed`); `onStatus` hears how it stands. Throws TypeError and RangeError for a
 * configuration that cannot be.
 */
export async function openKafkaLog(config: KafkaLogConfig): Promise<Log> {
  const cluster = new Cluster(kafkaSettings(config));
  const { signal } = config;
  // What is being asked ends with it: a broker that is silent would hold it up for as long as a request may take.
  const onEnded = (): void => void cluster.close();
  signal?.addEventListener("abort", onEnded, { once: true });
  if (signal?.aborted === true) onEnded();
  try {
    await cluster.connect();
    const log = new KafkaLog(cluster);
    await prepared(log, cluster);
    return log;
  } catch (error) {
    await cluster.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", onEnded);
  }
}

/** A broker that has only just started may need a moment before it gives out producer ids. */
async function prepared(log: KafkaLog, cluster: Cluster): Promise<void> {
  const backoff = new Backoff(cluster.closing);
  for (;;) {
    try {
      await log.prepare();
      return;
    } catch {
      // Tried again.
    }
    if (!(await backoff.wait())) throw waitEnded();
  }
}
