import { LogError } from "@perdure/log";
import type { Bounds } from "@perdure/log";
import { Backoff, waited } from "./backoff.ts";
import { BrokerFollower } from "./broker-follower.ts";
import type { FollowerOwner } from "./broker-follower.ts";
import { checkPartition } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import type { Isolation } from "./fetch-request.ts";
import type { Subscription, SubscriptionOwner } from "./subscription.ts";

/** First and next offset of a partition, asked from its leader. */
export type AskBounds = (topic: string, partition: number) => Promise<Bounds>;

/** Subscriptions to partitions, each partition at most once, brought to the brokers that lead them. */
export class FollowSet implements FollowerOwner, SubscriptionOwner {
  readonly #cluster: Cluster;
  readonly #isolation: Isolation;
  readonly #askBounds: AskBounds;
  readonly #followers = new Map<number, BrokerFollower>();
  readonly #subscriptions = new Map<string, Subscription>();
  /** Those that no broker has served since they had to move: what waits for one of them says nothing of another. */
  readonly #moving = new Map<Subscription, Backoff>();

  constructor(cluster: Cluster, isolation: Isolation, askBounds: AskBounds) {
    this.#cluster = cluster;
    this.#isolation = isolation;
    this.#askBounds = askBounds;
  }

  has(topic: string, partition: number): boolean {
    return this.#subscriptions.has(nameOf(topic, partition));
  }

  add(subscription: Subscription): void {
    if (subscription.isStopped) return;
    this.#subscriptions.set(nameOf(subscription.topic, subscription.partition), subscription);
    subscription.ownedBy(this);
    this.wants(subscription);
  }

  drop(subscription: Subscription): void {
    const name = nameOf(subscription.topic, subscription.partition);
    if (this.#subscriptions.get(name) === subscription) this.#subscriptions.delete(name);
    this.#moving.delete(subscription);
    for (const follower of this.#followers.values()) follower.forget(subscription);
  }

  wants(subscription: Subscription): void {
    if (subscription.isStopped) return;
    const topic = this.#cluster.knownTopic(subscription.topic);
    const leader = topic?.leaders[subscription.partition] ?? -1;
    if (topic === undefined || leader < 0) void this.#find(subscription);
    else this.#follower(leader).want(topic.id, subscription);
  }

  onServed(subscription: Subscription): void {
    if (this.#moving.size > 0) this.#moving.delete(subscription);
  }

  onMoved(subscriptions: readonly Subscription[]): void {
    void this.#moveLater(subscriptions);
  }

  onOutOfRange(subscription: Subscription): void {
    void this.#explainRange(subscription);
  }

  async #moveLater(subscriptions: readonly Subscription[]): Promise<void> {
    const waitsMs = subscriptions.map((subscription) => this.#backoffOf(subscription).takeMs());
    if (!(await waited(Math.max(...waitsMs), this.#cluster.closing))) return;
    await this.#cluster.refresh().catch(() => undefined);
    for (const subscription of subscriptions) this.wants(subscription);
  }

  #backoffOf(subscription: Subscription): Backoff {
    const known = this.#moving.get(subscription);
    if (known !== undefined) return known;
    const backoff = new Backoff(this.#cluster.closing);
    if (!subscription.isStopped) this.#moving.set(subscription, backoff);
    return backoff;
  }

  /** Asks where the topic is, for the first time or because it has no leader now. */
  async #find(subscription: Subscription): Promise<void> {
    try {
      const topic = await this.#cluster.topic(subscription.topic);
      checkPartition(topic, subscription.partition);
      if ((topic.leaders[subscription.partition] ?? -1) < 0) await this.#moveLater([subscription]);
      else this.wants(subscription);
    } catch (error) {
      if (error instanceof LogError && error.code === "no_such_topic") subscription.fail(error);
      else await this.#moveLater([subscription]);
    }
  }

  async #explainRange(subscription: Subscription): Promise<void> {
    try {
      const bounds = await this.#askBounds(subscription.topic, subscription.partition);
      const error = rangeError(subscription.topic, subscription.partition, subscription.fetchOffset, bounds);
      if (error !== undefined) {
        subscription.fail(error);
        return;
      }
    } catch {
      // The leader does not answer either: the place is asked for again below, and explained then.
    }
    await this.#moveLater([subscription]);
  }

  #follower(nodeId: number): BrokerFollower {
    const known = this.#followers.get(nodeId);
    if (known !== undefined) return known;
    const follower = new BrokerFollower(this.#cluster, nodeId, this.#isolation, this);
    this.#followers.set(nodeId, follower);
    return follower;
  }
}

/** Why nothing can be read at an offset; undefined where it can. */
export function rangeError(topic: string, partition: number, offset: number, bounds: Bounds): LogError | undefined {
  const where = `offset ${offset} of ${topic}[${partition}]`;
  if (offset < bounds.start) {
    const message = `${where} was trimmed; the first one there is ${bounds.start}`;
    return new LogError("offset_trimmed", message, { start: bounds.start });
  }
  if (offset > bounds.end) return new LogError("offset_future", `${where} is beyond its end, ${bounds.end}`);
  return undefined;
}

function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
