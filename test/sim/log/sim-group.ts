import type { Group, GroupListener, Ownership } from "@perdure/log";
import type { BrokerGroup, Share } from "./broker-group.ts";
import type { Caller } from "./caller.ts";

const BEAT_MS = 2_000;
const SESSION_TIMEOUT_MS = 6_000;
const RETRY_MS = 100;
/** While others still have to hear of a generation. */
const UNSETTLED_BEAT_MS = 250;

/** One member of a group: beats, hears what it owns, and has earlier owners shut out before it says so. */
export class SimGroup implements Group {
  readonly #caller: Caller;
  readonly #group: () => BrokerGroup;
  readonly #listener: GroupListener;
  #member = "";
  #generation = -1;
  #owned = new Map<number, Ownership>();
  #claimed: ReadonlySet<number> = new Set();
  #heardMs = 0;
  #joining = false;
  #closed = false;
  #cancelBeat: () => void = () => undefined;

  constructor(caller: Caller, group: () => BrokerGroup, listener: GroupListener) {
    this.#caller = caller;
    this.#group = group;
    this.#listener = listener;
  }

  get member(): string {
    return this.#member;
  }

  isCurrent(ownership: Ownership): boolean {
    const current = this.#owned.get(ownership.partition);
    return current?.member === ownership.member && current.generation === ownership.generation;
  }

  async join(): Promise<void> {
    if (this.#joining) return;
    this.#joining = true;
    const { process, broker } = this.#caller;
    const joined = { id: "" };
    while (!this.#closed) {
      try {
        // A join that was lost on the way back leaves a member that nobody is; it times out as any other.
        joined.id = await this.#caller.ask(() => this.#group().join(process.name, broker.nowMs));
        break;
      } catch {
        await new Promise<void>((resolve) => void process.after(RETRY_MS, resolve));
      }
    }
    this.#joining = false;
    if (this.#isOver()) return this.#leave(joined.id);
    this.#member = joined.id;
    this.#heardMs = process.clock.now();
    this.#beat();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelBeat();
    this.#owned = new Map();
    await this.#leave(this.#member);
  }

  /** It may have been closed while something was waited for. */
  #isOver(): boolean {
    return this.#closed;
  }

  async #leave(id: string): Promise<void> {
    if (id === "") return;
    await this.#caller.ask(() => this.#group().leave(id)).catch(() => undefined);
  }

  #beat(): void {
    if (this.#closed) return;
    const member = this.#member;
    const { broker } = this.#caller;
    this.#beatAfter(BEAT_MS);
    this.#caller
      .ask(() => this.#group().beat(member, broker.nowMs), { giveUpMs: BEAT_MS })
      .then(
        (share) => this.#heard(member, share),
        () => this.#checkSilence(),
      );
  }

  #beatAfter(delayMs: number): void {
    this.#cancelBeat();
    this.#cancelBeat = this.#caller.process.after(delayMs, () => this.#beat());
  }

  #heard(member: string, share: Share | undefined): void {
    if (member !== this.#member || this.#closed) return;
    if (share === undefined) return this.#letGo();
    this.#heardMs = this.#caller.process.clock.now();
    if (share.generation === this.#generation) return;
    if (share.settled) this.#onGeneration(share);
    else this.#beatAfter(UNSETTLED_BEAT_MS);
  }

  #checkSilence(): void {
    if (this.#caller.process.clock.now() - this.#heardMs >= SESSION_TIMEOUT_MS) this.#letGo();
  }

  /** The group has let this member go, or will. */
  #letGo(): void {
    if (this.#closed || this.#joining) return;
    this.#cancelBeat();
    const lost = [...this.#owned.keys()];
    this.#owned = new Map();
    this.#generation = -1;
    this.#revoke(lost);
    void this.join();
  }

  #onGeneration({ generation, partitions }: Share): void {
    const member = this.#member;
    const owned = new Map(
      partitions.map((partition) => [partition, Object.freeze({ partition, member, generation })] as const),
    );
    const lost = [...this.#owned.keys()].filter((partition) => !owned.has(partition));
    this.#generation = generation;
    this.#owned = owned;
    this.#revoke(lost);
    void this.#claimAndTell(owned);
  }

  #revoke(lost: readonly number[]): void {
    this.#claimed = new Set([...this.#claimed].filter((partition) => !lost.includes(partition)));
    if (lost.length > 0) this.#listener.onRevoked(lost);
  }

  async #claimAndTell(owned: Map<number, Ownership>): Promise<void> {
    const gained = [...owned.keys()].filter((partition) => !this.#claimed.has(partition));
    for (const partition of gained) await this.#claim(partition, owned);
    if (this.#owned !== owned || this.#closed) return;
    this.#claimed = new Set(owned.keys());
    this.#listener.onAssigned([...owned.values()]);
  }

  async #claim(partition: number, owned: Map<number, Ownership>): Promise<void> {
    while (this.#owned === owned && !this.#closed) {
      try {
        await this.#caller.call<boolean>((reply) =>
          this.#caller.broker.claim(this.#group(), partition, () => reply.answer(true)),
        );
        return;
      } catch {
        await new Promise<void>((resolve) => void this.#caller.process.after(RETRY_MS, resolve));
      }
    }
  }
}
