import { PerdureError } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { LogError } from "@perdure/log";
import { type EventJson, type RecordJson, sessionKey } from "@perdure/protocol";
import { createReplica, type HeldSession, type Replica } from "@perdure/replica";
import { SimLog } from "../log/sim-log.ts";
import type { Broker } from "../log/broker.ts";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { Ghost } from "./ghost.ts";
import { logger } from "./node.ts";
import type { Recorder } from "./recorder.ts";
import { TENANT } from "./tokens.ts";

const RETRY_MS = 300;
/** As many as the ledger remembers, less what may be sent double. */
const IN_FLIGHT = 24;

interface Lane {
  readonly key: string;
  readonly producer: string;
  born: number | undefined;
  next: number;
  readonly pending: Pending[];
  running: boolean;
}

interface Pending {
  readonly number: number;
  readonly events: readonly EventJson[];
}

/** A writer of its own with a replica: numbers its records, sends what has no verdict again, and often twice. */
export class Backend {
  readonly name: string;
  readonly #world: World;
  readonly #broker: Broker;
  readonly #partitions: number;
  readonly #recorder: Recorder;
  readonly #doubleRate: number;
  #process: SimProcess | undefined;
  #random: Random;
  #replicas: Replica[] = [];
  #lanes = new Map<string, Lane>();
  #haunting = new Set<string>();
  #lives = 0;
  #producers = 0;

  constructor(
    name: string,
    doubleRate: number,
    parts: { world: World; broker: Broker; partitions: number; recorder: Recorder },
  ) {
    this.name = name;
    this.#doubleRate = doubleRate;
    this.#world = parts.world;
    this.#broker = parts.broker;
    this.#partitions = parts.partitions;
    this.#recorder = parts.recorder;
    this.#random = parts.world.random.stream(name);
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  /** Records without a verdict. */
  get pendingCount(): number {
    return [...this.#lanes.values()].reduce((sum, { pending }) => sum + pending.length, 0);
  }

  start(): void {
    if (this.#process?.alive === true) return;
    this.#lives += 1;
    const process = this.#world.start(this.name);
    this.#process = process;
    this.#random = this.#world.random.stream(`${this.name} life ${this.#lives}`);
    this.#lanes = new Map();
    this.#haunting = new Set();
    // Two ways to the log, as when a writer goes on through another node while the first is still at it.
    this.#replicas = ["a", "b"].map((way) => this.#newReplica(process, way));
  }

  /** Writes a record with these events. */
  write(id: string, eventsOf: (producer: string, number: number) => readonly EventJson[]): void {
    this.#process?.after(0, () => {
      const lane = this.#lane(sessionKey(TENANT, id));
      if (lane.pending.length >= IN_FLIGHT) return;
      lane.pending.push({ number: lane.next, events: eventsOf(lane.producer, lane.next) });
      lane.next += 1;
      if (!lane.running) void this.#run(lane);
    });
  }

  /** Writes in the session from now on what an agent does that was stopped, and knows nothing of what came after. */
  haunt(id: string): void {
    this.#process?.after(0, () => {
      const key = sessionKey(TENANT, id);
      const [replica] = this.#replicas;
      const process = this.#process;
      if (replica === undefined || process === undefined || this.#haunting.has(key)) return;
      this.#haunting.add(key);
      const name = `${this.name}-ghost-${this.#lives}-${id}`;
      new Ghost({ name, sessionKey: key, process, replica, random: this.#random.stream(name) }).begin();
    });
  }

  #newReplica(process: SimProcess, way: string): Replica {
    const { network } = this.#world;
    const log = new SimLog({ process, broker: this.#broker, network, random: this.#random.stream(way) });
    // It is no node: whatever rules a session follows, it knows them.
    const book = NEXT_RULE_BOOK;
    return createReplica({ log, partitions: this.#partitions, logger, clock: process.clock, book });
  }

  #lane(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    this.#producers += 1;
    const producer = `${this.name}-${this.#lives}-${this.#producers}`;
    const lane = { key, producer, born: undefined, next: 1, pending: [], running: false };
    this.#lanes.set(key, lane);
    return lane;
  }

  async #run(lane: Lane): Promise<void> {
    lane.running = true;
    const process = this.#process;
    while (lane.pending.length > 0) {
      try {
        await this.#sendAll(lane, this.#random.of(this.#replicas));
      } catch (error) {
        if (!(error instanceof PerdureError || error instanceof LogError)) {
          this.#recorder.fault(`explicit: ${this.name} was told ${String(error)}`);
        }
        await new Promise<void>((resolve) => void process?.after(RETRY_MS, resolve));
      }
    }
    lane.running = false;
  }

  async #sendAll(lane: Lane, replica: Replica): Promise<void> {
    const held = await replica.attach(lane.key, { onAccepted: () => undefined, onLost: () => undefined });
    try {
      lane.born ??= held.state.seq;
      const batch = lane.pending.slice(0, 1 + this.#random.below(IN_FLIGHT));
      // A writer whose records overtake each other is told of the gap, and goes on from there.
      const order = this.#random.chance(this.#doubleRate / 3) ? batch.toReversed() : batch;
      const sent = order.flatMap((pending) => this.#send(lane, pending, held));
      const outcomes = await Promise.allSettled(sent);
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    } finally {
      held.detach();
    }
  }

  /** Once, or twice at the same time. */
  #send(lane: Lane, pending: Pending, held: HeldSession): Promise<void>[] {
    const times = this.#random.chance(this.#doubleRate) ? 2 : 1;
    return Array.from({ length: times }, () => this.#publish(lane, pending, held));
  }

  async #publish(lane: Lane, { number, events }: Pending, held: HeldSession): Promise<void> {
    const record: RecordJson = {
      producer: lane.producer,
      first: number,
      last: number,
      born: lane.born ?? 0,
      actor: { tenant: TENANT, participant: this.name, role: "ROLE_SERVICE" },
      audience: "AUDIENCE_ALL",
      events: [...events],
    };
    const verdict = await held.publish(record).applied;
    this.#recorder.told.push({ sessionKey: lane.key, producer: lane.producer, number, verdict });
    if (verdict.kind === "rejected" && verdict.code === "producer_gap") return;
    // The session has forgotten this writer: it goes on as another one.
    if (verdict.kind === "rejected" && verdict.code === "producer_expired") this.#lanes.delete(lane.key);
    const at = lane.pending.findIndex((pending) => pending.number === number);
    if (at >= 0) lane.pending.splice(at, 1);
  }
}
