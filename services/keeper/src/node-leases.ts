import type { Entry, Log } from "@perdure/log";
import { decodeNodeLease, type NodeLeaseJson } from "@perdure/protocol";
import { type Clock, entryKeyText, PartitionTail, TOPICS } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import type { NodeLife } from "./node-life.ts";

/** A lease as it stands, and when this process heard it. */
export interface HeardLease {
  readonly lease: NodeLeaseJson;
  readonly heardMs: number;
}

export interface NodeLeasesParts {
  readonly log: Pick<Log, "tail" | "read" | "bounds">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A life of a node is over. */
  readonly onOver: (node: string) => void;
}

const PARTITION = 0;
const OVER = new Set(["NODE_LEASE_STATE_LEFT", "NODE_LEASE_STATE_EXPIRED"]);

/** The leases of all nodes, kept current. */
export class NodeLeases {
  readonly #parts: NodeLeasesParts;
  readonly #tail: PartitionTail;
  readonly #heard = new Map<string, HeardLease>();
  /** What lies before was heard. */
  #readTo = 0;
  #waiting: { readonly offset: number; readonly call: () => void }[] = [];

  constructor(parts: NodeLeasesParts) {
    this.#parts = parts;
    this.#tail = new PartitionTail(parts.log, TOPICS.nodes, parts.clock, parts.logger);
    this.#follow(0);
  }

  get(node: string): HeardLease | undefined {
    return this.#heard.get(node);
  }

  all(): IterableIterator<[string, HeardLease]> {
    return this.#heard.entries();
  }

  /** Whether that life of the node has ended: expired, left, or followed by another one. */
  isOver({ node, incarnation }: NodeLife): boolean {
    const lease = this.#heard.get(node)?.lease;
    if (lease === undefined) return false;
    const latest = lease.incarnation ?? 0;
    return latest > incarnation || (latest === incarnation && OVER.has(lease.state ?? ""));
  }

  /** Settles when everything before `offset` was heard; never where that does not come to pass. */
  heardTo(offset: number): Promise<void> {
    if (this.#readTo >= offset) return Promise.resolve();
    return new Promise((call) => this.#waiting.push({ offset, call }));
  }

  async close(): Promise<void> {
    await this.#tail.close();
  }

  #follow(fromOffset: number): void {
    this.#tail.follow(PARTITION, fromOffset, {
      onEntries: (entries, nextOffset) => {
        for (const entry of entries) this.#take(entry);
        this.#reached(nextOffset);
      },
      // A compacted topic may begin later than at 0; what is missing there has been replaced.
      onLost: ({ start = 0 }) => this.#follow(start),
    });
  }

  #reached(offset: number): void {
    this.#readTo = offset;
    const reached = this.#waiting.filter((waiting) => waiting.offset <= offset);
    this.#waiting = this.#waiting.filter((waiting) => waiting.offset > offset);
    for (const { call } of reached) call();
  }

  #take(entry: Entry): void {
    if (entry.value === null) return;
    const node = entryKeyText(entry);
    try {
      this.#apply(node, decodeNodeLease(entry.value));
    } catch (error) {
      this.#parts.logger.error({ node, offset: entry.offset, err: error }, "a node's lease is not readable");
    }
  }

  /** What was said of an earlier life arrives late where that life was paused; it counts no more. */
  #apply(node: string, lease: NodeLeaseJson): void {
    const before = this.#heard.get(node)?.lease;
    const life = lease.incarnation ?? 0;
    const lifeBefore = before?.incarnation ?? 0;
    if (life < lifeBefore || (life === lifeBefore && OVER.has(before?.state ?? ""))) return;
    this.#heard.set(node, { lease, heardMs: this.#parts.clock.now() });
    const begins = before !== undefined && life > lifeBefore;
    if (begins || OVER.has(lease.state ?? "")) this.#parts.onOver(node);
  }
}
