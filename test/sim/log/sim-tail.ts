import { LogError, type Tail, type TailListener } from "@perdure/log";
import type { Random } from "../world/random.ts";
import type { BrokerPartition, Fetched } from "./broker-partition.ts";
import type { Caller, Reply } from "./caller.ts";

const POLL_MS = 2_500;
const ENTRIES_AT_ONCE = 12;

/** A tail: one follower per partition. */
export class SimTail implements Tail {
  readonly #caller: Caller;
  readonly #random: Random;
  readonly #listener: TailListener;
  readonly #partitionOf: (partition: number) => BrokerPartition;
  readonly #followers = new Map<number, Follower>();
  /** The last one of each partition, which may be in a callback though it follows no longer. */
  readonly #latest = new Map<number, Follower>();
  #closed = false;

  constructor(
    caller: Caller,
    random: Random,
    listener: TailListener,
    partitionOf: (partition: number) => BrokerPartition,
  ) {
    this.#caller = caller;
    this.#random = random;
    this.#listener = listener;
    this.#partitionOf = partitionOf;
  }

  add(partition: number, fromOffset: number): void {
    if (this.#closed) return;
    this.remove(partition);
    const parts = {
      caller: this.#caller,
      random: this.#random,
      listener: this.#listener,
      partition,
      find: () => this.#partitionOf(partition),
      onFailed: () => this.#followers.delete(partition),
    };
    const follower = new Follower(parts, fromOffset, this.#latest.get(partition)?.delivered ?? Promise.resolve());
    this.#followers.set(partition, follower);
    this.#latest.set(partition, follower);
  }

  remove(partition: number): void {
    this.#followers.get(partition)?.stop();
    this.#followers.delete(partition);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const delivering = [...this.#latest.values()].map(({ delivered }) => delivered);
    for (const partition of [...this.#followers.keys()]) this.remove(partition);
    await Promise.all(delivering);
  }
}

interface FollowerParts {
  readonly caller: Caller;
  readonly random: Random;
  readonly listener: TailListener;
  readonly partition: number;
  readonly find: () => BrokerPartition;
  readonly onFailed: () => void;
}

class Follower {
  readonly #parts: FollowerParts;
  #position: number;
  #stopped = false;
  /** Settles when no callback is running. */
  delivered: Promise<void>;

  constructor(parts: FollowerParts, fromOffset: number, after: Promise<void>) {
    this.#parts = parts;
    this.#position = fromOffset;
    this.delivered = after;
    void after.then(() => this.#run());
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    for (let first = true; !this.#stopped; first = false) {
      try {
        const fetched = await this.#fetch(first);
        if (this.#isStopped()) return;
        await this.#deliver(fetched);
      } catch (error) {
        this.#fail(error);
        return;
      }
    }
  }

  /** A call may have come while something was waited for. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  #fetch(atOnce: boolean): Promise<Fetched> {
    const { caller, random } = this.#parts;
    const position = this.#position;
    const count = 1 + random.below(ENTRIES_AT_ONCE);
    const request = (reply: Reply<Fetched>): void => {
      const log = this.#parts.find();
      const failure = offsetFailure(log, position);
      if (failure !== undefined) throw failure;
      const fetched = log.fetch(position, count);
      if (atOnce || fetched.nextOffset > position) reply.answer(fetched);
      else if (!this.#stopped) log.whenChanged(() => judge(request, reply));
    };
    return caller.call(request, { timeoutMs: POLL_MS, giveUpMs: Number.POSITIVE_INFINITY });
  }

  async #deliver({ entries, nextOffset, end }: Fetched): Promise<void> {
    this.#position = nextOffset;
    const { listener, partition } = this.#parts;
    // Known before the callback begins: it may follow its own partition anew.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.delivered = promise;
    try {
      const held = listener.onEntries(partition, entries, nextOffset, end);
      if (held !== undefined) await held;
    } catch (cause) {
      throw new LogError("unavailable", "the listener of this tail failed; add the partition again", { cause });
    } finally {
      resolve();
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#parts.onFailed();
    const told = error instanceof LogError ? error : new LogError("unavailable", String(error));
    this.#parts.listener.onPartitionError(this.#parts.partition, told);
  }
}

function judge<Answer>(request: (reply: Reply<Answer>) => void, reply: Reply<Answer>): void {
  try {
    request(reply);
  } catch (error) {
    reply.refuse(error);
  }
}

/** Why there is nothing to read at `offset`; undefined where there is, or will be. */
export function offsetFailure({ topic, index, start, next }: BrokerPartition, offset: number): LogError | undefined {
  const where = `offset ${offset} of ${topic.name}[${index}]`;
  if (offset < start) return new LogError("offset_trimmed", `${where} was trimmed; it begins at ${start}`, { start });
  if (offset > next) return new LogError("offset_future", `${where} is beyond its end, ${next}`);
  return undefined;
}
