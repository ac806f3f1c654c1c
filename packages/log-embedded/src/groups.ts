import { randomUUID } from "node:crypto";
import { Turns } from "@perdure/log";
import type { GroupListener, Ownership } from "@perdure/log";

interface Member {
  readonly id: string;
  /** By partition: its checkpoints, one after the other. */
  readonly turns: Map<number, Turns>;
  readonly listener: GroupListener;
  owned: ReadonlySet<number>;
}

interface GroupState {
  readonly partitions: number;
  members: readonly Member[];
  generation: number;
  /** Rebalances of one group follow one another. */
  rebalanced: Promise<void>;
}

/** Shares out partitions among the members of this process: round-robin in the order in which they joined. */
export class Groups {
  readonly #byName = new Map<string, GroupState>();
  readonly #groupOfMember = new Map<string, GroupState>();
  /** Settles when no commit that began before is on its way. */
  readonly #commitsSettled: () => Promise<void>;

  constructor(commitsSettled: () => Promise<void>) {
    this.#commitsSettled = commitsSettled;
  }

  /** Joins, and settles when the shares have been told; with the member's name and how to leave. */
  async join(
    name: string,
    partitions: number,
    listener: GroupListener,
  ): Promise<{ member: string; leave: () => Promise<void> }> {
    const group = this.#group(name, partitions);
    const member: Member = { id: randomUUID(), turns: new Map(), listener, owned: new Set() };
    this.#groupOfMember.set(member.id, group);
    await this.#rebalance(group, [...group.members, member]);
    return { member: member.id, leave: () => this.#leave(group, member) };
  }

  /** Whether the ownership is the one that its member holds now. */
  isCurrent(ownership: Ownership): boolean {
    const generation = this.#groupOfMember.get(ownership.member)?.generation;
    return generation === ownership.generation && this.#member(ownership)?.owned.has(ownership.partition) === true;
  }

  /** In which the checkpoints of an ownership's partition take turns. */
  turns(ownership: Ownership): Turns {
    const turns = this.#member(ownership)?.turns;
    const known = turns?.get(ownership.partition) ?? new Turns();
    turns?.set(ownership.partition, known);
    return known;
  }

  #member(ownership: Ownership): Member | undefined {
    return this.#groupOfMember.get(ownership.member)?.members.find(({ id }) => id === ownership.member);
  }

  #group(name: string, partitions: number): GroupState {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const group: GroupState = { partitions, members: [], generation: 0, rebalanced: Promise.resolve() };
    this.#byName.set(name, group);
    return group;
  }

  async #leave(group: GroupState, member: Member): Promise<void> {
    if (!this.#groupOfMember.delete(member.id)) return;
    await this.#rebalance(
      group,
      group.members.filter((other) => other !== member),
    );
  }

  /**
   * Fences the old generation at once, and tells the new shares only after the commits on their way are on disk, so
   * that nothing of an earlier owner can become visible behind a new one's back.
   */
  #rebalance(group: GroupState, members: readonly Member[]): Promise<void> {
    group.members = members;
    group.generation += 1;
    const revoked = members.map((member, place) => this.#share(group, member, place));
    for (const [place, member] of members.entries()) {
      const lost = revoked[place] ?? [];
      if (lost.length > 0) member.listener.onRevoked(lost);
    }
    const { generation } = group;
    group.rebalanced = group.rebalanced.then(() => this.#tellShares(group, generation));
    return group.rebalanced;
  }

  /** Sets what the member at `place` owns from now on; what it no longer owns. */
  #share(group: GroupState, member: Member, place: number): number[] {
    const before = member.owned;
    const all = Array.from({ length: group.partitions }, (_unused, partition) => partition);
    member.owned = new Set(all.filter((partition) => partition % group.members.length === place));
    return [...before].filter((partition) => !member.owned.has(partition));
  }

  async #tellShares(group: GroupState, generation: number): Promise<void> {
    await this.#commitsSettled();
    for (const member of group.members) {
      if (group.generation !== generation) return;
      member.listener.onAssigned([...member.owned].map((partition) => ownershipOf(member, partition, generation)));
    }
  }
}

function ownershipOf(member: Member, partition: number, generation: number): Ownership {
  return Object.freeze({ partition, member: member.id, generation });
}
