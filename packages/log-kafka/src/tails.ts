import { LogError } from "@perdure/log";
import type { Tail, TailListener } from "@perdure/log";
import { Backoff } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { Isolation } from "./fetch-request.ts";
import { FollowSet } from "./follow-set.ts";
import type { AskBounds } from "./follow-set.ts";
import { Subscription } from "./subscription.ts";
import type { TopicKinds } from "./topic-kinds.ts";

/**
 * All tails of a log share their connections. A broker's fetch session has each partition once, so a second tail of
 * the same partition goes into a second set, with connections of its own.
 */
export class Tails {
  readonly #cluster: Cluster;
  readonly #kinds: TopicKinds;
  readonly #askBounds: AskBounds;
  readonly #sets: Record<Isolation, FollowSet[]> = { committed: [], uncommitted: [] };
  readonly #open = new Set<KafkaTail>();

  constructor(cluster: Cluster, kinds: TopicKinds, askBounds: AskBounds) {
    this.#cluster = cluster;
    this.#kinds = kinds;
    this.#askBounds = askBounds;
  }

  open(topic: string, listener: TailListener): Tail {
    const tail = new KafkaTail(topic, listener, this, () => this.#open.delete(tail));
    this.#open.add(tail);
    return tail;
  }

  /** Adds the subscription once it is known how its topic is read. */
  follow(subscription: Subscription): void {
    const isolation = this.#kinds.known(subscription.topic);
    if (isolation === undefined) void this.#followWhenKnown(subscription);
    else this.#setWithout(subscription, isolation).add(subscription);
  }

  async #followWhenKnown(subscription: Subscription): Promise<void> {
    const backoff = new Backoff(this.#cluster.closing);
    while (!subscription.isStopped) {
      try {
        await this.#kinds.isolation(subscription.topic);
        this.follow(subscription);
        return;
      } catch (error) {
        if (error instanceof LogError && error.code === "no_such_topic") subscription.fail(error);
        else if (!(await backoff.wait())) return;
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((tail) => tail.close()));
  }

  #setWithout({ topic, partition }: Subscription, isolation: Isolation): FollowSet {
    const sets = this.#sets[isolation];
    const free = sets.find((set) => !set.has(topic, partition));
    if (free !== undefined) return free;
    const set = new FollowSet(this.#cluster, isolation, this.#askBounds);
    sets.push(set);
    return set;
  }
}

class KafkaTail implements Tail {
  readonly #topic: string;
  readonly #listener: TailListener;
  readonly #tails: Pick<Tails, "follow">;
  readonly #onClosed: () => void;
  readonly #followed = new Map<number, Subscription>();
  /** Where a partition is followed from once the callback of its earlier place has ended. */
  readonly #coming = new Map<number, number>();
  /** Callbacks still running of places that were left. */
  readonly #leaving = new Map<number, Promise<void>>();
  #isClosed = false;

  constructor(topic: string, listener: TailListener, tails: Pick<Tails, "follow">, onClosed: () => void) {
    this.#topic = topic;
    this.#listener = listener;
    this.#tails = tails;
    this.#onClosed = onClosed;
  }

  add(partition: number, fromOffset: number): void {
    if (this.#isClosed) return;
    this.remove(partition);
    if (this.#leaving.has(partition)) {
      this.#coming.set(partition, fromOffset);
      return;
    }
    const place = { topic: this.#topic, partition, offset: fromOffset };
    const subscription = new Subscription(place, this.#listener, () => this.#forget(subscription));
    this.#followed.set(partition, subscription);
    this.#tails.follow(subscription);
  }

  remove(partition: number): void {
    this.#coming.delete(partition);
    const subscription = this.#followed.get(partition);
    if (subscription === undefined) return;
    subscription.stop();
    this.#followed.delete(partition);
    const { holding } = subscription;
    if (holding !== undefined) this.#leaving.set(partition, this.#leave(partition, holding));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const partition of [...this.#followed.keys()]) this.remove(partition);
    await Promise.all(this.#leaving.values());
    this.#onClosed();
  }

  #forget(subscription: Subscription): void {
    if (this.#followed.get(subscription.partition) === subscription) this.#followed.delete(subscription.partition);
  }

  async #leave(partition: number, holding: Promise<void>): Promise<void> {
    await holding;
    this.#leaving.delete(partition);
    const fromOffset = this.#coming.get(partition);
    if (fromOffset !== undefined) this.add(partition, fromOffset);
  }
}
