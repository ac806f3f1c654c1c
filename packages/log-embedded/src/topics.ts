import { LogError, Turns } from "@perdure/log";
import type { LogLimits, TopicDifference, TopicSpec } from "@perdure/log";
import { PartitionLog } from "./partition-log.ts";
import type { Store, StoredTopic } from "./store.ts";

interface OpenTopic {
  readonly stored: StoredTopic;
  readonly partitions: Map<number, PartitionLog>;
}

/** The topics of the log, and their partitions as far as they have been used. */
export class Topics {
  readonly #store: Store;
  readonly #limits: LogLimits;
  readonly #byName = new Map<string, OpenTopic>();
  /** In which topics are made: who makes one must know of those before. */
  readonly #making = new Turns();

  constructor(store: Store, limits: LogLimits) {
    this.#store = store;
    this.#limits = limits;
    for (const topic of store.topics()) this.#byName.set(topic.name, { stored: topic, partitions: new Map() });
  }

  provision(specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
    return this.#making.take(() => this.#provision(specs));
  }

  async #provision(specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
    const differences: TopicDifference[] = [];
    for (const spec of specs) {
      const known = this.#byName.get(spec.name);
      if (known !== undefined) differences.push(...differencesOf(spec, known.stored));
      else this.#byName.set(spec.name, { stored: await this.#store.createTopic(spec), partitions: new Map() });
    }
    return differences;
  }

  /** Throws `no_such_topic`. */
  topic(name: string): StoredTopic {
    return this.#open(name).stored;
  }

  /** Throws `no_such_topic`, also for a partition that the topic does not have. */
  partition(name: string, index: number): PartitionLog {
    const { stored, partitions } = this.#open(name);
    const known = partitions.get(index);
    if (known !== undefined) return known;
    if (!Number.isInteger(index) || index < 0 || index >= stored.partitions) {
      throw new LogError("no_such_topic", `${name} has ${stored.partitions} partitions, and ${index} is none of them`);
    }
    const log = new PartitionLog(stored, index, this.#store.partitionRecord(stored.id, index), this.#limits);
    partitions.set(index, log);
    return log;
  }

  #open(name: string): OpenTopic {
    const open = this.#byName.get(name);
    if (open === undefined) throw new LogError("no_such_topic", `there is no topic ${name}: provision it first`);
    return open;
  }
}

function differencesOf(wanted: TopicSpec, found: TopicSpec): TopicDifference[] {
  const differences: TopicDifference[] = [];
  for (const setting of ["partitions", "cleanup"] as const) {
    if (wanted[setting] === found[setting]) continue;
    const values = { wanted: String(wanted[setting]), found: String(found[setting]) };
    differences.push({ topic: wanted.name, setting, ...values });
  }
  return differences;
}
