import type { Group, GroupListener, Ownership } from "@perdure/log";
import { Consumer } from "@platformatic/kafka";
import type { GroupAssignment } from "@platformatic/kafka";
import { Backoff, waited } from "./backoff.ts";
import { guardConnections } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import { standingRefusal } from "./standing-refusal.ts";
import { Transactor } from "./transactor.ts";
import type { TransactorAccess } from "./transactor.ts";

/** How many partitions are claimed at once after they were gained. */
const CLAIMS_AT_ONCE = 8;

/** One member of a group that shares out the partitions of a topic. */
export class Membership implements Group {
  readonly #cluster: Cluster;
  readonly #consumer: Consumer;
  readonly #listener: GroupListener;
  readonly #topic: string;
  readonly #access: TransactorAccess;
  readonly #transactors = new Map<number, Transactor>();
  readonly #onClosed: () => void;
  #owned = new Map<number, Ownership>();
  #claimed: ReadonlySet<number> = new Set();
  /** Under which it joined last. */
  #joined = { member: "", generation: -1 };
  #closed: Promise<void> | undefined;
  #isRejoining = false;
  /** From a silence on until a heartbeat comes through. */
  #wasSilent = false;
  #silence: NodeJS.Timeout | undefined;
  readonly #begun = Promise.withResolvers<void>();
  /** Why it is kept from its place, as the listener was told last. */
  #hindrance: string | undefined;

  constructor(
    cluster: Cluster,
    place: { readonly groupId: string; readonly topic: string; readonly access: TransactorAccess },
    listener: GroupListener,
    onClosed: () => void,
  ) {
    this.#cluster = cluster;
    this.#topic = place.topic;
    this.#access = place.access;
    this.#listener = listener;
    this.#onClosed = onClosed;
    this.#consumer = newConsumer(cluster, place.groupId);
    this.#consumer.topics.track(place.topic);
    this.#consumer.on("consumer:group:join", ({ memberId, generationId, assignments }) => {
      this.#onJoined(memberId, generationId ?? -1, assignments ?? []);
    });
    this.#consumer.on("consumer:heartbeat:stalled", () => this.#onSilence());
    this.#consumer.on("consumer:heartbeat:end", () => this.#onHeard());
    this.#consumer.on("error", () => void this.#rejoin());
  }

  get member(): string {
    return this.#consumer.memberId ?? "";
  }

  /** Joins, however long that takes. Settles when it has, or the listener has heard what keeps it from that. */
  async begin(): Promise<void> {
    void this.#join();
    await this.#begun.promise;
  }

  async #join(): Promise<void> {
    await this.#untilJoined();
    this.#begun.resolve();
  }

  async #untilJoined(): Promise<void> {
    const backoff = new Backoff(this.#cluster.closing);
    while (this.#closed === undefined) {
      try {
        await this.#consumer.joinGroup({});
        return;
      } catch (error) {
        this.#tellRefusal(error);
        if (!(await backoff.wait())) return;
        await this.#cluster.refresh().catch(() => undefined);
      }
    }
  }

  isCurrent(ownership: Ownership): boolean {
    const current = this.#owned.get(ownership.partition);
    return current?.member === ownership.member && current.generation === ownership.generation;
  }

  transactor(partition: number): Transactor {
    const known = this.#transactors.get(partition);
    if (known !== undefined) return known;
    const fencedBy = { groupId: this.#consumer.groupId, topic: this.#topic, partition };
    const transactor = new Transactor(this.#cluster, this.#access, fencedBy);
    this.#transactors.set(partition, transactor);
    return transactor;
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  /** Leaves before it closes: a consumer that is closed while it joins would go on with its heartbeats for ever. */
  async #close(): Promise<void> {
    this.#owned = new Map();
    this.#onHeard();
    const left = new AbortController();
    this.#consumer.leaveGroup(true, () => left.abort());
    // After that time the group has let it go by itself.
    const ended = AbortSignal.any([left.signal, this.#cluster.closing]);
    await waited(this.#cluster.settings.group.sessionTimeoutMs, ended);
    await this.#consumer.close(true).catch(() => this.#consumer.connections.close());
    this.#onClosed();
  }

  /** From here on the ownerships of before are void; the new ones are told when what they stand for is in hand. */
  #onJoined(member: string, generation: number, assignments: readonly GroupAssignment[]): void {
    if (this.#closed !== undefined) return;
    const partitions = assignments.filter(({ topic }) => topic === this.#topic).flatMap((each) => each.partitions);
    const owned = new Map(
      partitions.map((partition) => [partition, Object.freeze({ partition, member, generation })] as const),
    );
    // Of a generation that it was no part of, others may have owned what it has again now.
    const missedOne = member !== this.#joined.member || generation > this.#joined.generation + 1;
    const lost = [...this.#owned.keys()].filter((partition) => missedOne || !owned.has(partition));
    this.#joined = { member, generation };
    this.#owned = owned;
    if (this.#wasSilent) this.#watchSilence();
    this.#revoke(lost);
    void this.#claimAndTell(owned);
  }

  #revoke(lost: readonly number[]): void {
    for (const partition of lost) this.#transactors.delete(partition);
    this.#claimed = new Set([...this.#claimed].filter((partition) => !lost.includes(partition)));
    if (lost.length > 0) this.#listener.onRevoked(lost);
  }

  async #claimAndTell(owned: Map<number, Ownership>): Promise<void> {
    const gained = [...owned.keys()].filter((partition) => !this.#claimed.has(partition));
    for (let at = 0; at < gained.length; at += CLAIMS_AT_ONCE) {
      const claims = gained.slice(at, at + CLAIMS_AT_ONCE).map((partition) => this.#claim(partition, owned));
      await Promise.all(claims);
    }
    if (this.#owned !== owned) return;
    this.#tell(undefined);
    this.#claimed = new Set(owned.keys());
    this.#listener.onAssigned([...owned.values()]);
  }

  /** Shuts the partition's earlier owner out, again until it is done or the partition is gone. */
  async #claim(partition: number, owned: Map<number, Ownership>): Promise<void> {
    const backoff = new Backoff(this.#cluster.closing);
    while (this.#owned === owned) {
      try {
        await this.transactor(partition).claim();
        return;
      } catch (error) {
        this.#tellRefusal(error);
        if (!(await backoff.wait())) return;
      }
    }
  }

  /** No heartbeat has come through for as long as the group waits: it has let this member go, or will. */
  #onSilence(): void {
    if (this.#closed !== undefined) return;
    this.#wasSilent = true;
    const lost = [...this.#owned.keys()];
    this.#owned = new Map();
    this.#revoke(lost);
    void this.#rejoin();
  }

  /** The client tells of a silence once until it has heard something: one that follows a new join at once, it does not. */
  #watchSilence(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#onSilence(), this.#cluster.settings.group.sessionTimeoutMs);
  }

  #onHeard(): void {
    clearTimeout(this.#silence);
    this.#wasSilent = false;
  }

  async #rejoin(): Promise<void> {
    if (this.#isRejoining) return;
    this.#isRejoining = true;
    await this.#join();
    this.#isRejoining = false;
  }

  /** What may pass by itself is not worth a word. */
  #tellRefusal(error: unknown): void {
    const reason = standingRefusal(error, { groupId: this.#consumer.groupId, topic: this.#topic });
    if (reason !== undefined) this.#tell(reason);
  }

  #tell(hindrance: string | undefined): void {
    if (this.#closed !== undefined || this.#hindrance === hindrance) return;
    this.#hindrance = hindrance;
    this.#listener.onHindered?.(hindrance);
    this.#begun.resolve();
  }
}

function newConsumer(cluster: Cluster, groupId: string): Consumer {
  const { settings } = cluster;
  const consumer = new Consumer({
    ...settings.connection,
    clientId: settings.clientId,
    bootstrapBrokers: [...settings.brokers],
    groupId,
    sessionTimeout: settings.group.sessionTimeoutMs,
    heartbeatInterval: settings.group.heartbeatMs,
    rebalanceTimeout: settings.group.rebalanceTimeoutMs,
    heartbeatStallTimeout: settings.group.sessionTimeoutMs,
    retries: 10,
    retryDelay: 50,
  });
  guardConnections(consumer.connections);
  return consumer;
}
