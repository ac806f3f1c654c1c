import {
  type Appended,
  type AppendOptions,
  type Bounds,
  checkedSizeBytes,
  type CheckpointScope,
  type Entry,
  type Group,
  type GroupListener,
  type LatestView,
  type Log,
  LogError,
  type LogLimits,
  logLimits,
  type NewEntry,
  openLatest,
  type Ownership,
  type ReadOptions,
  type Tail,
  type TailListener,
  type TopicDifference,
  type TopicSpec,
  Turns,
} from "@perdure/log";
import type { Network } from "../world/network.ts";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { BrokerGroup } from "./broker-group.ts";
import type { Broker } from "./broker.ts";
import { Caller, type Reply } from "./caller.ts";
import { SimGroup } from "./sim-group.ts";
import { offsetFailure, SimTail } from "./sim-tail.ts";
import { SimWriter } from "./sim-writer.ts";

export interface SimLogParts {
  readonly process: SimProcess;
  readonly broker: Broker;
  readonly network: Network;
  readonly random: Random;
  readonly limits?: Partial<LogLimits>;
}

interface Joined {
  readonly group: () => BrokerGroup;
  readonly member: SimGroup;
  readonly turns: Map<number, Turns>;
}

/** A broker reads as many entries as fit; half a megabyte of the simulated ones always do. */
const ENTRIES_AT_ONCE = 64;

/** The log as one simulated process has it: the port, over a network that loses and delays. */
export class SimLog implements Log {
  readonly #parts: SimLogParts;
  readonly #caller: Caller;
  readonly #limits: LogLimits;
  readonly #writers = new Map<string, SimWriter>();
  readonly #joined: Joined[] = [];
  readonly #tails = new Set<Tail>();
  readonly #writer: string;

  constructor(parts: SimLogParts) {
    this.#parts = parts;
    this.#caller = new Caller(parts.process, parts.broker, parts.network);
    this.#limits = logLimits(parts.limits);
    this.#writer = parts.random.uuid();
  }

  async provision(topics: readonly TopicSpec[]): Promise<readonly TopicDifference[]> {
    this.#caller.checkOpen();
    return this.#caller.ask(() => this.#parts.broker.provision(topics));
  }

  async append(topic: string, partition: number, entry: NewEntry, options: AppendOptions = {}): Promise<Appended> {
    this.#caller.checkOpen();
    const target = this.#parts.broker.partition(topic, partition);
    const sizeBytes = checkedSizeBytes(entry, this.#limits);
    const name = `${topic} ${partition}`;
    const writer = this.#writers.get(name) ?? new SimWriter(this.#caller, this.#writer, target, this.#limits);
    this.#writers.set(name, writer);
    return writer.append(entry, options.lane ?? Buffer.from(entry.key).toString("latin1"), sizeBytes);
  }

  tail(topic: string, listener: TailListener): Tail {
    this.#caller.checkOpen();
    const { broker, random } = this.#parts;
    const tail = new SimTail(this.#caller, random, listener, (partition) => broker.partition(topic, partition));
    this.#tails.add(tail);
    return tail;
  }

  async read(topic: string, partition: number, offset: number, options: ReadOptions): Promise<readonly Entry[]> {
    this.#caller.checkOpen();
    if (this.#parts.random.chance(this.#parts.broker.troubleRate)) await this.#delay();
    const request = (reply: Reply<readonly Entry[]>): void => {
      const log = this.#parts.broker.partition(topic, partition);
      const failure = offsetFailure(log, offset);
      if (failure !== undefined) throw failure;
      if (log.isAboutToShow(offset)) log.whenChanged(() => request(reply));
      else reply.answer(within(log.fetch(offset, ENTRIES_AT_ONCE).entries, options.maxBytes));
    };
    return this.#caller.call(request);
  }

  /** A read that has to wait for a disk. */
  #delay(): Promise<void> {
    const { process, random } = this.#parts;
    return new Promise((resolve) => void process.after(random.between(50, 2_000), resolve));
  }

  async bounds(topic: string, partition: number): Promise<Bounds> {
    this.#caller.checkOpen();
    return this.#caller.ask(() => {
      const log = this.#parts.broker.partition(topic, partition);
      return { start: log.start, end: log.visibleEnd };
    });
  }

  latest(topic: string, partition: number, onEntry?: (entry: Entry) => void): LatestView {
    return openLatest(this, topic, partition, onEntry);
  }

  async joinGroup(name: string, topic: string, listener: GroupListener): Promise<Group> {
    this.#caller.checkOpen();
    const { broker } = this.#parts;
    broker.partitions(topic);
    const group = (): BrokerGroup => broker.group(`${topic} ${name}`, topic);
    const member = new SimGroup(this.#caller, group, listener);
    this.#joined.push({ group, member, turns: new Map() });
    await member.join();
    return member;
  }

  async checkpoint(ownership: Ownership, write: (scope: CheckpointScope) => Promise<void>): Promise<void> {
    this.#caller.checkOpen();
    const joined = this.#joined.find(({ member }) => member.isCurrent(ownership));
    if (joined === undefined) throw new LogError("fenced", `partition ${ownership.partition} is not owned any more`);
    const turns = joined.turns.get(ownership.partition) ?? new Turns();
    joined.turns.set(ownership.partition, turns);
    await turns.take(() => this.#checkpoint(joined, ownership, write));
  }

  async trim(topic: string, partition: number, beforeOffset: number): Promise<void> {
    this.#caller.checkOpen();
    const log = this.#parts.broker.partition(topic, partition);
    if (log.topic.cleanup !== "none") throw new TypeError(`${topic} is compacted`);
    await this.#caller.ask(() => this.#parts.broker.trim(log, beforeOffset));
  }

  async close(): Promise<void> {
    this.#caller.close();
    await Promise.all([...this.#writers.values()].map((writer) => writer.idle()));
    await Promise.all(this.#joined.map(({ member }) => member.close()));
    await Promise.all([...this.#tails].map((tail) => tail.close()));
  }

  async #checkpoint(
    { group }: Joined,
    ownership: Ownership,
    write: (scope: CheckpointScope) => Promise<void>,
  ): Promise<void> {
    const { broker } = this.#parts;
    const id = await this.#caller.ask(() => broker.begin(group(), ownership));
    let open = true;
    let count = 0;
    const scope: CheckpointScope = {
      append: async (topic, entry) => {
        if (!open) throw new LogError("closed", "this checkpoint has ended: append within its write function");
        checkedSizeBytes(entry, this.#limits);
        count += 1;
        const number = count;
        return this.#caller.ask(() => broker.write(id, number, topic, entry));
      },
    };
    try {
      await write(scope);
      open = false;
    } catch (error) {
      open = false;
      await this.#end(id, false).catch(() => undefined);
      throw error;
    }
    await this.#commit(id);
  }

  /** A broker that is about to move may refuse before it has decided, or say no more after it has. */
  async #commit(id: number): Promise<void> {
    const { broker, random } = this.#parts;
    const isRefused = random.chance(broker.troubleRate);
    if (isRefused) await this.#end(id, false);
    else await this.#end(id, true);
    if (isRefused || random.chance(broker.troubleRate)) {
      throw new LogError("unavailable", "it is not known what became of the checkpoint", { retryAfterMs: 200 });
    }
  }

  #end(id: number, commit: boolean): Promise<boolean> {
    return this.#caller.call<boolean>((reply) => this.#parts.broker.end(id, commit, () => reply.answer(true)));
  }
}

function within(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  const end = entries.findIndex(({ key, value }, at) => {
    bytes += key.length + (value?.length ?? 0);
    return at > 0 && bytes > maxBytes;
  });
  return end < 0 ? entries : entries.slice(0, end);
}
