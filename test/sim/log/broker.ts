import { LogError, type NewEntry, type Ownership, type TopicDifference, type TopicSpec } from "@perdure/log";
import type { Random } from "../world/random.ts";
import type { Scheduler } from "../world/scheduler.ts";
import { BrokerGroup } from "./broker-group.ts";
import { BrokerPartition, type Transaction } from "./broker-partition.ts";

/** A checkpoint under way. */
interface OpenCheckpoint extends Transaction {
  readonly group: BrokerGroup;
  readonly ownership: Ownership;
  /** Offsets by the number that the client gave the write, so that a write that is sent again is one write. */
  readonly writes: Map<number, number>;
  readonly touched: Set<BrokerPartition>;
  readonly untilMs: number;
  /** Settled in every partition. */
  shown: boolean;
  whenShown: (() => void)[];
}

const SESSION_TIMEOUT_MS = 6_000;
const CHECKPOINT_TIMEOUT_MS = 12_000;
const SWEEP_MS = 500;

/**
 * The log's servers, as one that never loses what it has acknowledged. What reaches it is judged at once; how it is
 * reached, and whether the answer comes back, is the network's affair.
 */
export class Broker {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #topics = new Map<string, BrokerPartition[]>();
  readonly #groups = new Map<string, BrokerGroup>();
  readonly #checkpoints = new Map<number, OpenCheckpoint>();
  /** By writer and partition: the latest try of a batch; one that was overtaken by a later try is not taken any more. */
  readonly #tries = new Map<string, number>();
  #lastCheckpoint = 0;
  /** Up to where heads cover a partition now; told with every trim. */
  coveredNow: (partition: number) => number = () => Number.POSITIVE_INFINITY;
  /** Share of checkpoints that it refuses or leaves in doubt, and of reads that take long. */
  troubleRate = 0;
  /** How far its clock is ahead of the world's, in milliseconds. */
  skewMs = 0;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#sweepLater();
  }

  get nowMs(): number {
    return this.#scheduler.nowMs + this.skewMs;
  }

  provision(topics: readonly TopicSpec[]): TopicDifference[] {
    const differences: TopicDifference[] = [];
    for (const spec of topics) {
      const { name: topic, partitions, cleanup } = spec;
      const found = this.#topics.get(topic);
      if (found === undefined) {
        const made = Array.from({ length: partitions }, (_unused, index) => new BrokerPartition(spec, index));
        this.#topics.set(topic, made);
        continue;
      }
      const was = found[0]?.topic;
      const differs = (setting: string, wanted: string, there: string): void => {
        if (wanted !== there) differences.push({ topic, setting, wanted, found: there });
      };
      differs("partitions", String(partitions), String(found.length));
      differs("cleanup", cleanup, was?.cleanup ?? "");
    }
    return differences;
  }

  /** Throws `no_such_topic`. */
  partition(topic: string, index: number): BrokerPartition {
    const found = this.#topics.get(topic)?.[index];
    if (found === undefined) throw new LogError("no_such_topic", `there is no ${topic}[${index}]`);
    return found;
  }

  partitions(topic: string): readonly BrokerPartition[] {
    const found = this.#topics.get(topic);
    if (found === undefined) throw new LogError("no_such_topic", `there is no ${topic}`);
    return found;
  }

  /** Removes what lies before; `coveredNow` says up to where the partition is covered. */
  trim(target: BrokerPartition, before: number): void {
    target.trim(before, this.coveredNow(target.index));
  }

  /** The offsets; undefined where a later try of the writer was here before. */
  append(writer: string, attempt: number, target: BrokerPartition, entries: readonly NewEntry[]): number[] | undefined {
    const name = `${writer} ${target.topic.name} ${target.index}`;
    if (attempt < (this.#tries.get(name) ?? 0)) return undefined;
    this.#tries.set(name, attempt);
    return entries.map((entry) => this.#store(target, entry));
  }

  group(name: string, topic: string): BrokerGroup {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new BrokerGroup(this.partitions(topic).length, SESSION_TIMEOUT_MS);
    this.#groups.set(name, group);
    return group;
  }

  /** Throws `fenced`. */
  begin(group: BrokerGroup, ownership: Ownership): number {
    if (!group.isCurrent(ownership)) throw fenced(ownership);
    this.#lastCheckpoint += 1;
    const id = this.#lastCheckpoint;
    const untilMs = this.#scheduler.nowMs + CHECKPOINT_TIMEOUT_MS;
    this.#checkpoints.set(id, {
      id,
      state: "open",
      group,
      ownership,
      untilMs,
      writes: new Map(),
      touched: new Set(),
      shown: false,
      whenShown: [],
    });
    return id;
  }

  /** One write of a checkpoint; `number`: which one, so that it counts once. Throws `fenced`. */
  write(id: number, number: number, topic: string, entry: NewEntry): number {
    const checkpoint = this.#open(id);
    const known = checkpoint.writes.get(number);
    if (known !== undefined) return known;
    const target = this.partition(topic, checkpoint.ownership.partition);
    const offset = this.#store(target, entry, checkpoint);
    checkpoint.touched.add(target);
    checkpoint.writes.set(number, offset);
    return offset;
  }

  /** Decides; `shown` is called when every partition has heard of it. Throws `fenced`. */
  end(id: number, commit: boolean, shown: () => void): void {
    const checkpoint = this.#checkpoints.get(id);
    // Said again, because the answer was lost, it is the same end.
    const isSaidAgain = checkpoint?.state === (commit ? "committed" : "aborted");
    if (checkpoint !== undefined && isSaidAgain) return this.#whenShown(checkpoint, shown);
    const open = this.#open(id);
    if (commit && !open.group.isCurrent(open.ownership)) {
      this.#decide(open, "aborted");
      throw fenced(open.ownership);
    }
    this.#decide(open, commit ? "committed" : "aborted");
    this.#whenShown(open, shown);
  }

  /** Ends what earlier owners left open; calls when nothing of theirs can become visible any more. */
  claim(group: BrokerGroup, partition: number, done: () => void): void {
    const earlier = [...this.#checkpoints.values()].filter(
      (each) => each.group === group && each.ownership.partition === partition && !each.shown,
    );
    let left = earlier.length;
    if (left === 0) return done();
    for (const checkpoint of earlier) {
      if (checkpoint.state === "open") this.#decide(checkpoint, "aborted");
      this.#whenShown(checkpoint, () => {
        left -= 1;
        if (left === 0) done();
      });
    }
  }

  #store(target: BrokerPartition, entry: NewEntry, transaction?: Transaction): number {
    const offset = target.append(entry, this.nowMs, transaction);
    this.#scheduler.note(`${target.topic.name}[${target.index}]@${offset}`);
    this.#scheduler.note(entry.key);
    this.#scheduler.note(entry.value ?? "-");
    return offset;
  }

  #open(id: number): OpenCheckpoint {
    const checkpoint = this.#checkpoints.get(id);
    if (checkpoint?.state === "open") return checkpoint;
    const isOwner = checkpoint?.group.isCurrent(checkpoint.ownership) === true;
    throw new LogError(isOwner ? "unavailable" : "fenced", "this checkpoint has ended: make another");
  }

  /** The decision stands at once and reaches each partition in its own time. */
  #decide(checkpoint: OpenCheckpoint, state: "committed" | "aborted"): void {
    checkpoint.state = state;
    let left = checkpoint.touched.size;
    const reached = (): void => {
      left -= 1;
      if (left <= 0) this.#shown(checkpoint);
    };
    if (left === 0) reached();
    for (const target of checkpoint.touched) {
      const delayMs = this.#random.chance(0.1) ? this.#random.between(5, 300) : this.#random.between(0.1, 3);
      this.#scheduler.after(delayMs, undefined, () => {
        target.decide(checkpoint);
        reached();
      });
    }
  }

  #shown(checkpoint: OpenCheckpoint): void {
    checkpoint.shown = true;
    const { whenShown } = checkpoint;
    checkpoint.whenShown = [];
    for (const call of whenShown) call();
  }

  #whenShown(checkpoint: OpenCheckpoint, call: () => void): void {
    if (checkpoint.shown) call();
    else checkpoint.whenShown.push(call);
  }

  #sweepLater(): void {
    this.#scheduler.after(SWEEP_MS, undefined, () => {
      const { nowMs } = this.#scheduler;
      for (const group of this.#groups.values()) group.expire(nowMs);
      for (const checkpoint of this.#checkpoints.values()) {
        if (checkpoint.state === "open" && checkpoint.untilMs < nowMs) this.#decide(checkpoint, "aborted");
      }
      this.#sweepLater();
    });
  }
}

function fenced({ partition, generation }: Ownership): LogError {
  return new LogError("fenced", `partition ${partition} is not owned under generation ${generation} any more`);
}
