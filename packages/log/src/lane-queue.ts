import { PassingMap } from "./passing-map.ts";

/** What a lane queue holds: something of a known size that belongs to a lane. */
export interface QueuedItem {
  readonly lane: string;
  readonly sizeBytes: number;
}

/** Items that were taken leave their lane's list when there are so many of them, and no fewer than those that wait. */
const FEWEST_TAKEN = 16;

interface Lane<Item> {
  readonly items: Item[];
  /** Where the first waiting item stands; what is before it has been taken. */
  first: number;
  /** Waiting and taken but not yet released. */
  bytes: number;
}

/**
 * What waits to be written to one partition: first in, first out within a lane, round-robin among lanes, so that a busy
 * session delays the others by one entry and not by its whole backlog. Bytes count from `offer` until `release`.
 */
export class LaneQueue<Item extends QueuedItem> {
  readonly #laneBytesMax: number;
  readonly #totalBytesMax: number;
  readonly #lanes = new PassingMap<string, Lane<Item>>();
  #turns: Lane<Item>[] = [];
  #waiting = 0;
  #bytes = 0;

  constructor(limits: { readonly laneQueueBytes: number; readonly partitionQueueBytes: number }) {
    this.#laneBytesMax = limits.laneQueueBytes;
    this.#totalBytesMax = limits.partitionQueueBytes;
  }

  /** Items not yet taken. */
  get waitingCount(): number {
    return this.#waiting;
  }

  /** Bytes offered and not yet released. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** False, and nothing is kept, when the item would pass the cap of its lane or of the queue. */
  offer(item: Item): boolean {
    const lane = this.#lanes.get(item.lane);
    if (this.#bytes + item.sizeBytes > this.#totalBytesMax) return false;
    if ((lane?.bytes ?? 0) + item.sizeBytes > this.#laneBytesMax) return false;
    this.#push(lane ?? this.#newLane(item.lane), item);
    return true;
  }

  /** The next items in fair order: at least one where one waits, and no more than `maxBytes` beyond that. */
  take(maxBytes: number): Item[] {
    const taken: Item[] = [];
    let bytes = 0;
    let turn = 0;
    for (; turn < this.#turns.length; turn += 1) {
      const lane = this.#turns[turn];
      const item = lane?.items[lane.first];
      if (lane === undefined || item === undefined) continue;
      if (taken.length > 0 && bytes + item.sizeBytes > maxBytes) break;
      taken.push(item);
      bytes += item.sizeBytes;
      this.#advance(lane);
    }
    this.#turns = this.#turns.slice(turn);
    this.#waiting -= taken.length;
    return taken;
  }

  /** Gives back the bytes of an item that was taken and is settled now. */
  release(item: Item): void {
    this.#bytes -= item.sizeBytes;
    const lane = this.#lanes.get(item.lane);
    if (lane === undefined) return;
    lane.bytes -= item.sizeBytes;
    if (lane.bytes === 0) this.#lanes.delete(item.lane);
  }

  #newLane(name: string): Lane<Item> {
    const lane: Lane<Item> = { items: [], first: 0, bytes: 0 };
    this.#lanes.set(name, lane);
    return lane;
  }

  #push(lane: Lane<Item>, item: Item): void {
    if (lane.items.length === 0) this.#turns.push(lane);
    lane.items.push(item);
    lane.bytes += item.sizeBytes;
    this.#bytes += item.sizeBytes;
    this.#waiting += 1;
  }

  /** Takes the lane's first item off and gives the lane its next turn behind all others. */
  #advance(lane: Lane<Item>): void {
    lane.first += 1;
    const waiting = lane.items.length - lane.first;
    if (waiting === 0 || (lane.first >= FEWEST_TAKEN && lane.first >= waiting)) {
      lane.items.splice(0, lane.first);
      lane.first = 0;
    }
    if (waiting > 0) this.#turns.push(lane);
  }
}
