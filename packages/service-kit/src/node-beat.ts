import type { Entry, LatestView, Log } from "@perdure/log";
import {
  decodeNodeLease,
  encodeNodeLease,
  keyBytes,
  keyText,
  type NodeKindJson,
  type NodeLeaseJson,
  type NodeLeaseStateJson,
} from "@perdure/protocol";
import { type Clock, systemClock } from "./clock.ts";
import { rulesOfAll } from "./rules-of-all.ts";

export interface NodeBeatOptions {
  readonly log: Log;
  /** Topic of the leases; its only partition is 0. */
  readonly topic: string;
  readonly node: string;
  readonly kind: NodeKindJson;
  /** The highest version of the fold's rules that this node can judge by. */
  readonly rules: number;
  readonly leaseMs: number;
  readonly beatMs: number;
  /** This life of the node was declared over. The next one has been announced: join the members again, paced. */
  readonly onExpired: (incarnation: number) => void;
  /** Another process beats under this node's name; this one beats no more and should stop. */
  readonly onReplaced: () => void;
  /** A beat could not be written, or a lease not be read. Beating goes on. */
  readonly onProblem: (error: unknown) => void;
  readonly clock?: Clock;
  /** Where the count of beats begins, so that two processes that began the same life at once tell their beats apart. */
  readonly firstBeat?: number;
}

/** A lease that is kept alive. */
export interface NodeBeat {
  /** The life that the node is in; changes with `onExpired`. */
  readonly incarnation: number;
  /** The highest version of the rules that every node knows whose lease runs, as far as this one has heard. */
  readonly rulesOfAll: number;
  /**
   * A session refuses that life of the node, which was declared over: the node begins another one. It hears that from its
   * lease as well, unless what it has beaten since has taken the place of the word that said so.
   */
  declaredOver(incarnation: number): void;
  /** Says that this node takes nobody in any more; beats on. */
  drain(): Promise<void>;
  /** Says that this node is gone in good order, and ends. */
  leave(): Promise<void>;
}

const PARTITION = 0;
const FIRST_BEAT_BELOW = 2 ** 31;

/** Begins a new life of the node and keeps its lease. Resolves once the first beat is in the log; throws LogError. */
export async function beatNode(options: NodeBeatOptions): Promise<NodeBeat> {
  const beat = new LeaseKeeper(options);
  await beat.begin();
  return beat;
}

class LeaseKeeper implements NodeBeat {
  readonly #options: NodeBeatOptions;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #firstBeat: number;
  readonly #view: LatestView;
  #incarnation = 0;
  #lastBeat: number;
  #state: NodeLeaseStateJson = "NODE_LEASE_STATE_LIVE";
  #expired = false;
  #ended = false;
  #cancelNext: () => void = () => undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: NodeBeatOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#key = keyBytes(options.node);
    this.#firstBeat = options.firstBeat ?? Math.floor(Math.random() * FIRST_BEAT_BELOW) + 1;
    this.#lastBeat = this.#firstBeat - 1;
    this.#view = options.log.latest(options.topic, PARTITION, (entry) => this.#onEntry(entry));
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  get rulesOfAll(): number {
    const others = [...this.#view.entries()].map((entry) => this.#leaseOf(entry));
    return rulesOfAll([...others.filter((lease) => lease !== undefined), this.#lease()]);
  }

  async begin(): Promise<void> {
    try {
      await this.#view.ready;
      const previous = this.#view.get(this.#key);
      this.#incarnation = (this.#leaseOf(previous)?.incarnation ?? 0) + 1;
      await this.#write();
    } catch (error) {
      await this.#end();
      throw error;
    }
    this.#next();
  }

  declaredOver(incarnation: number): void {
    if (!this.#ended && incarnation === this.#incarnation) this.#liveAgain();
  }

  async drain(): Promise<void> {
    this.#state = "NODE_LEASE_STATE_DRAINING";
    if (!this.#ended) await this.#write();
  }

  async leave(): Promise<void> {
    this.#cancelNext();
    this.#state = "NODE_LEASE_STATE_LEFT";
    if (this.#ended) return;
    try {
      await this.#write();
    } finally {
      await this.#end();
    }
  }

  #next(): void {
    this.#cancelNext();
    if (!this.#ended) this.#cancelNext = this.#clock.after(this.#options.beatMs, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    try {
      await this.#write();
      this.#announceNewLife();
    } catch (error) {
      if (!this.#ended) this.#options.onProblem(error);
    }
    this.#next();
  }

  /** One write at a time, so that an older state never lands behind a newer one. */
  #write(): Promise<void> {
    const write = this.#writing.then(async () => {
      if (this.#ended) return;
      this.#lastBeat += 1;
      const value = encodeNodeLease(this.#lease());
      await this.#options.log.append(this.#options.topic, PARTITION, { key: this.#key, value });
    });
    this.#writing = write.catch(() => undefined);
    return write;
  }

  #lease(): NodeLeaseJson {
    const { node, kind, rules, leaseMs } = this.#options;
    return { node, kind, incarnation: this.#incarnation, beat: this.#lastBeat, rules, leaseMs, state: this.#state };
  }

  #announceNewLife(): void {
    if (!this.#expired) return;
    this.#expired = false;
    this.#options.onExpired(this.#incarnation);
  }

  #onEntry(entry: Entry): void {
    if (this.#incarnation === 0 || this.#ended || keyText(entry.key) !== this.#options.node) return;
    const lease = this.#leaseOf(entry);
    if (lease === undefined) return;
    const { incarnation = 0, beat = 0, state } = lease;
    const mine = incarnation === this.#incarnation;
    if (mine && state === "NODE_LEASE_STATE_EXPIRED") this.#liveAgain();
    else if (incarnation > this.#incarnation || (mine && (beat < this.#firstBeat || beat > this.#lastBeat)))
      this.#replaced();
  }

  #liveAgain(): void {
    this.#incarnation += 1;
    this.#expired = true;
    this.#cancelNext();
    void this.#beat();
  }

  #replaced(): void {
    void this.#end();
    this.#options.onReplaced();
  }

  async #end(): Promise<void> {
    this.#ended = true;
    this.#cancelNext();
    await this.#view.close();
  }

  #leaseOf(entry: Entry | undefined): NodeLeaseJson | undefined {
    const value = entry?.value ?? undefined;
    if (value === undefined) return undefined;
    try {
      return decodeNodeLease(value);
    } catch (error) {
      this.#options.onProblem(error);
      return undefined;
    }
  }
}
