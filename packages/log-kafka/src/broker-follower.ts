import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { fetchV13 } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import type { Isolation } from "./fetch-request.ts";
import { placeKey } from "./fetch-session.ts";
import type { FollowedPlace } from "./fetch-session.ts";
import { fetchedEntries } from "./fetched-entries.ts";
import { Poller } from "./poller.ts";
import { Code } from "./protocol-errors.ts";
import type { Subscription } from "./subscription.ts";

/** Connections to one broker: one that polls, and others that finish a poll which a newer one has replaced. */
const POLLERS_MAX = 3;

/** What the follower does not settle by itself. */
export interface FollowerOwner {
  /** The broker cannot serve these: it is not their leader any more, or cannot be reached. */
  onMoved(subscriptions: readonly Subscription[]): void;
  /** The broker has nothing at the place where this one reads. */
  onOutOfRange(subscription: Subscription): void;
  /** The broker has said where this one stands. */
  onServed(subscription: Subscription): void;
}

/** A subscription as a place to fetch from: the one where it stands then. */
class Wanted implements FollowedPlace {
  readonly topicId: string;
  readonly subscription: Subscription;

  constructor(topicId: string, subscription: Subscription) {
    this.topicId = topicId;
    this.subscription = subscription;
  }

  get partition(): number {
    return this.subscription.partition;
  }

  get offset(): number {
    return this.subscription.fetchOffset;
  }

  get mustAnswer(): boolean {
    return !this.subscription.wasToldOnce;
  }
}

/**
 * Everything that is followed on one broker. All of it stands in one long poll; when something is newly wanted, a
 * second connection starts a poll with all of it at once, and the answer of the first, when it comes, still counts as
 * far as it is news. So nothing ever waits for a running poll, and nothing is missed or read twice.
 */
export class BrokerFollower {
  readonly #cluster: Cluster;
  readonly #nodeId: number;
  readonly #isolation: Isolation;
  readonly #owner: FollowerOwner;
  readonly #wanted = new Map<string, Wanted>();
  /** Under which key each one is wanted: a topic that is made anew under its name has another. */
  readonly #keys = new Map<Subscription, string>();
  /** What is wanted, as it stays while a poll runs; undefined where it has changed since. */
  #snapshot: ReadonlyMap<string, Wanted> | undefined;
  readonly #pollers: Poller[] = [];
  /** Those that poll, or pause between two polls. */
  readonly #running = new Set<Poller>();
  #current: Poller | undefined;
  /** Whether the poll in flight comes back at once. */
  #isBrief = false;
  #isScheduled = false;

  constructor(cluster: Cluster, nodeId: number, isolation: Isolation, owner: FollowerOwner) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
    this.#isolation = isolation;
    this.#owner = owner;
  }

  want(topicId: string, subscription: Subscription): void {
    const key = placeKey({ topicId, partition: subscription.partition });
    this.#drop(key);
    this.forget(subscription);
    this.#wanted.set(key, new Wanted(topicId, subscription));
    this.#keys.set(subscription, key);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#start();
    });
  }

  forget(subscription: Subscription): void {
    const key = this.#keys.get(subscription);
    if (key !== undefined) this.#drop(key);
  }

  #drop(key: string): void {
    const wanted = this.#wanted.get(key);
    if (wanted !== undefined) this.#keys.delete(wanted.subscription);
    this.#wanted.delete(key);
    this.#snapshot = undefined;
  }

  #start(): void {
    // A brief poll is back within a round trip, and the one after it will ask for the new ones too.
    if (this.#wanted.size === 0 || (this.#current !== undefined && this.#isBrief)) return;
    const poller = this.#freePoller();
    this.#current = poller;
    void this.#run(poller);
  }

  #freePoller(): Poller {
    const free = this.#pollers.find((poller) => !this.#running.has(poller));
    if (free !== undefined) return free;
    if (this.#pollers.length === POLLERS_MAX) {
      // Every other one finishes a poll that has been replaced: the oldest of them is not needed.
      const oldest = this.#pollers.findIndex((poller) => poller !== this.#current);
      for (const poller of this.#pollers.splice(oldest, 1)) poller.close();
    }
    const poller = new Poller(this.#cluster, this.#nodeId, this.#isolation);
    this.#pollers.push(poller);
    return poller;
  }

  /** Polls until another poller has taken over, or nothing is wanted. */
  async #run(poller: Poller): Promise<void> {
    this.#running.add(poller);
    while (this.#current === poller && this.#wanted.size > 0 && !this.#cluster.closing.aborted) {
      if (await this.#pollOnce(poller)) await this.#pause();
    }
    this.#running.delete(poller);
    if (this.#current === poller) this.#current = undefined;
  }

  async #pause(): Promise<void> {
    const { closing: signal, settings } = this.#cluster;
    // What listeners send because of what came leaves first: an edge's sockets write at the end of a turn.
    if (settings.fetchPauseMs === 0) return nextTurn();
    // A log that closes ends the pause; nothing is asked after that.
    await sleep(settings.fetchPauseMs, undefined, { signal }).catch(() => undefined);
  }

  /** Whether something came that had not been asked for at once. */
  async #pollOnce(poller: Poller): Promise<boolean> {
    this.#snapshot ??= new Map(this.#wanted);
    const asked = this.#snapshot;
    // Who follows something new is to hear at once where it stands, also when there is nothing to read.
    const isBrief = [...asked.values()].some(({ mustAnswer }) => mustAnswer);
    this.#isBrief = isBrief;
    try {
      const response = await poller.poll(asked, isBrief ? 0 : this.#cluster.settings.longPollMs);
      if (response === undefined) return false;
      this.#dispatch(response, asked);
      return !isBrief && response.responses.length > 0;
    } catch {
      if (this.#current === poller) this.#giveUpAll();
      return false;
    }
  }

  #giveUpAll(): void {
    const subscriptions = [...this.#wanted.values()].map(({ subscription }) => subscription);
    this.#wanted.clear();
    this.#keys.clear();
    this.#snapshot = undefined;
    if (subscriptions.length > 0) this.#owner.onMoved(subscriptions);
  }

  #dispatch(response: fetchV13.FetchResponse, asked: ReadonlyMap<string, Wanted>): void {
    const moved: Subscription[] = [];
    for (const { topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const key = placeKey({ topicId, partition: partition.partitionIndex });
        const subscription = asked.get(key)?.subscription;
        // Only who was asked for may have the answer, and only while it is still wanted: its place goes forward alone.
        if (subscription === undefined || this.#wanted.get(key)?.subscription !== subscription) continue;
        if (!this.#handle(partition, subscription)) moved.push(subscription);
        if (partition.errorCode !== Code.none || subscription.isFull) this.#drop(key);
      }
    }
    if (moved.length > 0) this.#owner.onMoved(moved);
  }

  /** False where another broker must be asked. */
  #handle(partition: fetchV13.FetchResponsePartition, subscription: Subscription): boolean {
    if (partition.errorCode === Code.offsetOutOfRange) {
      this.#owner.onOutOfRange(subscription);
      return true;
    }
    if (partition.errorCode !== Code.none) return false;
    this.#owner.onServed(subscription);
    const { entries, nextOffset } = fetchedEntries(partition, subscription.fetchOffset);
    const end = Number(this.#isolation === "committed" ? partition.lastStableOffset : partition.highWatermark);
    subscription.receive({ entries, nextOffset, end });
    return true;
  }
}
