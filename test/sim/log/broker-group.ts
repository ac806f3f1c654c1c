import type { Ownership } from "@perdure/log";

interface Member {
  readonly id: string;
  heardMs: number;
  /** The generation that it has heard of. */
  seen: number;
}

/** What a member is told when it asks how the group stands. */
export interface Share {
  readonly generation: number;
  readonly partitions: readonly number[];
  /** Every member has heard of this generation: the shares may be used. */
  readonly settled: boolean;
}

/** A group as its coordinator knows it: who is in it, and who has which partition under which generation. */
export class BrokerGroup {
  generation = 0;
  readonly #partitions: number;
  readonly #sessionTimeoutMs: number;
  #members: Member[] = [];
  #joined = 0;

  constructor(partitions: number, sessionTimeoutMs: number) {
    this.#partitions = partitions;
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  /** Answers the new member's name. */
  join(client: string, nowMs: number): string {
    this.#joined += 1;
    const id = `${client}-${this.#joined}`;
    this.#members = [...this.#members, { id, heardMs: nowMs, seen: -1 }];
    this.generation += 1;
    return id;
  }

  leave(id: string): void {
    const staying = this.#members.filter((member) => member.id !== id);
    if (staying.length === this.#members.length) return;
    this.#members = staying;
    this.generation += 1;
  }

  /** Undefined: the group has let the member go. */
  beat(id: string, nowMs: number): Share | undefined {
    const member = this.#members.find((each) => each.id === id);
    if (member === undefined) return undefined;
    member.heardMs = nowMs;
    member.seen = this.generation;
    const settled = this.#members.every(({ seen }) => seen === this.generation);
    return { generation: this.generation, partitions: this.#shareOf(id), settled };
  }

  /** Lets go of members that were silent for too long. */
  expire(nowMs: number): void {
    for (const { id, heardMs } of this.#members) if (nowMs - heardMs > this.#sessionTimeoutMs) this.leave(id);
  }

  isCurrent({ partition, member, generation }: Ownership): boolean {
    return generation === this.generation && this.#shareOf(member).includes(partition);
  }

  #shareOf(id: string): number[] {
    const place = this.#members.findIndex((member) => member.id === id);
    if (place < 0) return [];
    const all = Array.from({ length: this.#partitions }, (_unused, partition) => partition);
    return all.filter((partition) => partition % this.#members.length === place);
  }
}
