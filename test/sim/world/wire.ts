import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What travels over a wire: a message of the protocol above it. */
export interface Packet {
  readonly kind: string;
  readonly text?: string;
  readonly bytes?: Uint8Array;
  readonly code?: number;
  readonly fields?: Readonly<Record<string, string>>;
}

export interface WireListener {
  onPacket(packet: Packet): void;
  /** The other end is gone, or was never there. */
  onClosed(): void;
}

const RETRY_MS = 150;
/** What a packet costs beside its content. */
const OVERHEAD_BYTES = 16;

const sizeOf = ({ text, bytes }: Packet): number => OVERHEAD_BYTES + (text?.length ?? 0) + (bytes?.length ?? 0);

/** One end of a connection between two processes: in order, never lost, stalled while the two are cut off, or when told. */
export class Wire {
  readonly process: SimProcess;
  listener: WireListener | undefined;
  bufferedBytes = 0;
  /** Some of what waited has gone out. */
  onDrain: (() => void) | undefined;
  readonly #wires: Wires;
  #peer: Wire | undefined;
  #queue: Packet[] = [];
  #pumping = false;
  /** So many packets pass before the line stands still. */
  #passing = Number.POSITIVE_INFINITY;
  #unheardCount = 0;
  #unheardSinceMs = 0;
  #open = true;

  constructor(wires: Wires, process: SimProcess) {
    this.#wires = wires;
    this.process = process;
  }

  static pair(wires: Wires, one: SimProcess, other: SimProcess): [Wire, Wire] {
    const near = new Wire(wires, one);
    const far = new Wire(wires, other);
    near.#peer = far;
    far.#peer = near;
    return [near, far];
  }

  get open(): boolean {
    return this.#open;
  }

  send(packet: Packet): void {
    if (!this.#open) return;
    this.#queue.push(packet);
    this.bufferedBytes += sizeOf(packet);
    this.#pump();
  }

  /** Ends it from here: the other end hears of it behind what was sent. The own listener hears nothing more. */
  close(): void {
    if (!this.#open) return;
    this.send({ kind: "closed" });
    this.#open = false;
    this.listener = undefined;
  }

  /** It breaks, for both ends at once; what is on its way is lost. */
  break(): void {
    this.#queue = [];
    for (const end of [this, this.#peer]) end?.process.after(0, () => end.#closedByPeer());
  }

  /** After so many more packets from this end the line stands still, until so much time has passed from now on. */
  stall(packetCount: number, forMs: number): void {
    this.#passing = packetCount;
    this.#wires.later(forMs, () => {
      this.#passing = Number.POSITIVE_INFINITY;
      this.#pump();
    });
  }

  /** How long something has waited that has arrived at this end, and that its process has not read, in milliseconds. */
  get unheardMs(): number {
    return this.#unheardCount === 0 ? 0 : this.#wires.nowMs - this.#unheardSinceMs;
  }

  /** Its process died. */
  died(): void {
    this.close();
  }

  #pump(): void {
    if (this.#pumping || this.#queue.length === 0 || this.#passing === 0) return;
    this.#pumping = true;
    this.#wires.later(this.#wires.delayMs(), () => this.#deliver());
  }

  #deliver(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    if (this.#wires.isCut(this.process, peer.process)) {
      this.#wires.later(RETRY_MS, () => this.#deliver());
      return;
    }
    const packets = this.#queue.splice(0, this.#passing);
    this.#passing -= packets.length;
    this.#pumping = false;
    this.#pump();
    if (!peer.#open) {
      // Whoever writes to an end that is gone learns that it is.
      this.process.after(0, () => this.#closedByPeer());
      return;
    }
    if (peer.#unheardCount === 0) peer.#unheardSinceMs = this.#wires.nowMs;
    peer.#unheardCount += packets.length;
    for (const packet of packets) peer.process.after(0, () => this.#arrived(peer, packet));
  }

  #arrived(peer: Wire, packet: Packet): void {
    this.bufferedBytes -= sizeOf(packet);
    peer.#unheardCount -= 1;
    if (packet.kind === "closed") peer.#closedByPeer();
    else peer.listener?.onPacket(packet);
    if (this.#open && this.onDrain !== undefined) this.process.after(0, () => this.onDrain?.());
  }

  #closedByPeer(): void {
    if (!this.#open) return;
    this.#open = false;
    this.listener?.onClosed();
    this.listener = undefined;
  }
}

/** Hears of a connection: with the end of whoever opened it, and the other one. */
export type OnOpened = (near: Wire, far: Wire) => void;

/** Takes a connection that somebody has opened. */
export type Accept = (wire: Wire) => void;

const OPEN_TIMEOUT_MS = 4_000;
/** The end of an address that stands for all that begin as it does. */
const BALANCED = ".any";

/** Where processes listen, and how others reach them. */
export class Wires {
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly #random: Random;
  readonly #listening = new Map<string, { readonly process: SimProcess; readonly accept: Accept }>();
  readonly #all = new Set<Wire>();
  /** By name of the process. */
  readonly #onNextOpened = new Map<string, OnOpened>();

  constructor(scheduler: Scheduler, network: Network, random: Random) {
    this.#scheduler = scheduler;
    this.#network = network;
    this.#random = random;
  }

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  listen(address: string, process: SimProcess, accept: Accept): void {
    this.#listening.set(address, { process, accept });
  }

  unlisten(address: string, process: SimProcess): void {
    if (this.#listening.get(address)?.process === process) this.#listening.delete(address);
  }

  /** Opens a connection. `address`: of one process, or the beginning of several that stand behind a load balancer. */
  connect(from: SimProcess, address: string, opened: (wire: Wire | undefined) => void): void {
    const name = this.#balance(address);
    const target = this.#listening.get(name);
    if (target !== undefined && this.#network.isCut(from.name, target.process.name)) {
      from.after(OPEN_TIMEOUT_MS, () => opened(undefined));
      return;
    }
    const delayMs = this.delayMs();
    from.after(delayMs, () => {
      if (target?.process.alive !== true || this.#listening.get(name) !== target) return opened(undefined);
      const [near, far] = Wire.pair(this, from, target.process);
      this.#all.add(near).add(far);
      target.process.after(0, () => target.accept(far));
      this.#onNextOpened.get(from.name)?.(near, far);
      this.#onNextOpened.delete(from.name);
      opened(near);
    });
  }

  /** Calls once, when the process of that name next has a connection, before anything is said over it. */
  onNextOpened(name: string, call: OnOpened): void {
    this.#onNextOpened.set(name, call);
  }

  died(process: SimProcess): void {
    for (const [address, target] of this.#listening) if (target.process === process) this.#listening.delete(address);
    for (const wire of this.#all) {
      if (wire.process === process) wire.died();
      if (!wire.open) this.#all.delete(wire);
    }
  }

  /** Breaks every connection that a process has. */
  sever(process: SimProcess): void {
    for (const wire of this.#all) if (wire.process === process) wire.break();
  }

  isCut(one: SimProcess, other: SimProcess): boolean {
    return this.#network.isCut(one.name, other.name);
  }

  delayMs(): number {
    return this.#network.delayMs();
  }

  later(delayMs: number, call: () => void): void {
    this.#scheduler.after(delayMs, undefined, call);
  }

  #balance(address: string): string {
    if (!address.endsWith(BALANCED)) return address;
    const names = [...this.#listening.keys()].filter((name) => name.startsWith(address.slice(0, -BALANCED.length)));
    return names.length === 0 ? "" : this.#random.of(names);
  }
}
