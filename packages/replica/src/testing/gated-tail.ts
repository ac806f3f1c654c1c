import type { Log } from "@perdure/log";
import { alteredLog } from "./altered-log.ts";

/** A log whose entries of one topic can be held back, as when a broker is slow to hand out what it has acknowledged. */
export class GatedTail {
  readonly log: Log;
  #gate = Promise.withResolvers<void>();

  constructor(log: Log, gatedTopic: string) {
    this.#gate.resolve();
    this.log = alteredLog(log, {
      read: async (topic, ...place) => {
        if (topic === gatedTopic) await this.#gate.promise;
        return log.read(topic, ...place);
      },
      tail: (topic, listener) =>
        topic !== gatedTopic
          ? log.tail(topic, listener)
          : log.tail(topic, {
              onPartitionError: (partition, error) => listener.onPartitionError(partition, error),
              onEntries: async (...batch) => {
                await this.#gate.promise;
                return listener.onEntries(...batch);
              },
            }),
    });
  }

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.#gate.resolve();
  }
}
