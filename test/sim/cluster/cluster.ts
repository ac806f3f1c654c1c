import { decodeIndexEntry, decodeWatermark, type EventJson, WATERMARK_KEY } from "@perdure/protocol";
import { entryKeyText, TOPICS, topicSpecs } from "@perdure/replica";
import { Broker } from "../log/broker.ts";
import { BACKENDS, type Deed, NODES, PEOPLE, SESSIONS, WORKERS } from "../plan/deeds.ts";
import { isRolling, type Plan } from "../plan/plan.ts";
import { ANSWERS } from "../world/issuer.ts";
import { FAIR } from "../world/network.ts";
import type { SimProcess } from "../world/process.ts";
import type { Wire } from "../world/wire.ts";
import { World } from "../world/world.ts";
import { Backend } from "./backend.ts";
import { Historian } from "./historian.ts";
import { type NodeParts, type RunningNode, SimNode } from "./node.ts";
import { Person } from "./person.ts";
import { Recorder } from "./recorder.ts";
import { edgeNode, ingestNode, keeperNode } from "./services.ts";
import { AgentWorker } from "./worker.ts";

/** An operator who has the floor and does not come back has it for so long. */
const TAKEOVER_GRACE_MS = 6_000;
/** After all is healed; one that was set before may be on its way still. */
const LIFT_MS = [0, 12_000, 32_000, 60_000];
const ROLES = { ann: "user", bea: "user", op: "operator", eve: "observer" } as const;

/** Everything of one run: the log, its nodes, and the people, agents and backends that use them. */
export class Cluster {
  readonly world: World;
  readonly broker: Broker;
  readonly recorder = new Recorder();
  readonly plan: Plan;
  readonly nodes: ReadonlyMap<string, SimNode>;
  readonly people: ReadonlyMap<string, Person>;
  readonly workers: ReadonlyMap<string, AgentWorker>;
  readonly backends: ReadonlyMap<string, Backend>;

  constructor(plan: Plan) {
    this.plan = plan;
    const { seed, partitions, doubleRate } = plan;
    this.world = new World(seed, plan.timings);
    this.world.issuer.tokenLifeS = plan.tokenLifeS;
    this.world.onFault = (fault) => this.recorder.fault(fault);
    this.broker = new Broker(this.world.scheduler, this.world.random.stream("broker"));
    this.broker.skewMs = plan.brokerSkewMs;
    this.broker.troubleRate = plan.troubleRate;
    this.broker.provision(topicSpecs(partitions));
    this.broker.coveredNow = (partition) => coveredIn(this.broker, partition);
    const { world, broker, recorder } = this;
    const start = (parts: NodeParts): Promise<RunningNode> => this.#start(parts);
    this.nodes = byName(NODES, (name) => new SimNode(name, world, broker, partitions, start));
    this.people = byName(PEOPLE, (name) => new Person(name, ROLES[name], world, recorder));
    this.workers = byName(WORKERS, (name) => new AgentWorker(name, world, recorder));
    const parts = { world, broker, partitions, recorder };
    this.backends = byName(BACKENDS, (name) => new Backend(name, doubleRate, parts));
  }

  startAll(): void {
    for (const node of this.nodes.values()) node.start();
    for (const worker of this.workers.values()) worker.start();
    for (const backend of this.backends.values()) backend.start();
    for (const person of this.people.values()) person.open(SESSIONS);
    new Historian(this.world, SESSIONS, this.recorder).start();
    this.world.scheduler.after(1_000, undefined, () => {
      const created = (): EventJson[] => [
        {
          sessionCreated: {
            title: "a session",
            policy: { defaultAgent: "helper", takeoverGraceMs: TAKEOVER_GRACE_MS },
          },
        },
      ];
      for (const id of SESSIONS) this.backends.get("svc-0")?.write(id, created);
    });
  }

  /** Ends every fault that would not end by itself. */
  heal(): void {
    this.broker.troubleRate = 0;
    this.world.network.healAll();
    this.world.issuer.weather = ANSWERS;
    for (const afterMs of LIFT_MS) this.world.scheduler.after(afterMs, undefined, () => this.#liftBudgets());
    // A rolling change goes on to its end.
    if (isRolling(this.plan)) for (const node of this.nodes.values()) node.upgrade();
  }

  /** Writes down what everybody who reads shows now. */
  lookNow(): void {
    for (const { reader } of this.people.values()) {
      for (const [key, state] of reader?.states() ?? []) reader?.look(key, state, "in the end");
    }
  }

  do(deed: Deed): void {
    const { world } = this;
    switch (deed.kind) {
      case "say":
        return this.people.get(deed.who)?.say(deed.session, deed.asks, deed.length, deed.toStaff);
      case "write":
        return this.backends
          .get(deed.who)
          ?.write(deed.session, (producer, number) => says(producer, number, deed.length));
      case "haunt":
        return this.backends.get(deed.who)?.haunt(deed.session);
      case "signal":
        return this.people.get(deed.who)?.signal(deed.signal);
      case "toggle":
        return this.people.get(deed.who)?.toggle(deed.session);
      case "flap":
        return this.people.get(deed.who)?.flap(deed.session, deed.times);
      case "work":
        // Whoever else is there counts at the same time.
        for (const who of deed.task === "count" ? this.people.keys() : [deed.who]) this.#work(who, deed);
        return undefined;
      case "kill":
        return this.#kill(deed.who, deed.downMs);
      case "stop":
        return this.nodes.get(deed.who)?.stop(deed.withinMs, deed.downMs);
      case "upgrade":
        return this.nodes.get(deed.who)?.upgrade();
      case "pause":
        return world.pauseFor(this.#processOf(deed.who), deed.forMs);
      case "cut":
        world.network.cut(deed.one, deed.other);
        world.scheduler.after(deed.forMs, undefined, () => world.network.heal(deed.one, deed.other));
        return undefined;
      case "sever":
        return this.#sever(deed.who, deed.forMs);
      case "storm":
        world.network.weather = { lossRate: deed.lossRate, slowRate: 0.3, slowMs: deed.slowMs };
        world.scheduler.after(deed.forMs, undefined, () => {
          world.network.weather = FAIR;
        });
        return undefined;
      case "compact":
        for (const partition of this.broker.partitions(deed.topic)) partition.compact();
        return undefined;
      case "meet":
        return this.#meet(deed);
      case "rotate":
        return world.issuer.rotate();
      case "keys":
        world.issuer.weather = deed;
        world.scheduler.after(deed.forMs, undefined, () => {
          world.issuer.weather = ANSWERS;
        });
        return undefined;
    }
  }

  #start(parts: NodeParts): Promise<RunningNode> {
    const { keeper, ringRecords, recentRecords } = this.plan;
    const { name } = parts.process;
    if (name.startsWith("keeper")) return keeperNode(parts, keeper);
    const limits = { ringRecords, recentRecords };
    return name.startsWith("edge") ? edgeNode(parts, limits) : ingestNode(parts, limits);
  }

  /** Agents may go on: a budget that is used up would hold them for ever. */
  #liftBudgets(): void {
    for (const id of SESSIONS) this.backends.get("svc-0")?.write(id, () => [{ budgetLifted: {} }]);
  }

  #work(who: string, { session, task }: Extract<Deed, { kind: "work" }>): void {
    const person = this.people.get(who);
    if (person?.canWrite === true) person.work(session, task);
  }

  #kill(who: string, downMs: number): void {
    const person = this.people.get(who);
    if (person !== undefined) {
      person.kill();
      this.world.scheduler.after(downMs, undefined, () => person.open(SESSIONS));
    }
    this.nodes.get(who)?.kill(downMs);
    const writer = this.workers.get(who) ?? this.backends.get(who);
    if (writer !== undefined) this.world.killFor(writer.process, downMs, () => writer.start());
  }

  /** All its connections break, and it reaches no node meanwhile. */
  #sever(who: string, forMs: number): void {
    const { network, wires, scheduler } = this.world;
    const process = this.#processOf(who);
    if (process === undefined) return;
    for (const node of this.nodes.keys()) network.cut(who, node);
    wires.sever(process);
    scheduler.after(forMs, undefined, () => {
      for (const node of this.nodes.keys()) network.heal(who, node);
    });
  }

  /** All its connections break, and the next one that it opens meets trouble while it is greeted. */
  #meet(deed: Extract<Deed, { kind: "meet" }>): void {
    const { wires, scheduler } = this.world;
    const process = this.#processOf(deed.who);
    if (process === undefined) return;
    wires.sever(process);
    wires.onNextOpened(deed.who, (near, far) => {
      if (deed.trouble === "stall") near.stall(deed.packetCount, deed.forMs);
      else if (deed.trouble === "mute") far.stall(deed.packetCount, deed.forMs);
      else scheduler.after(deed.afterMs, undefined, () => this.#disturb(near, far.process, deed));
    });
  }

  #disturb(wire: Wire, node: SimProcess, { trouble, forMs }: Extract<Deed, { kind: "meet" }>): void {
    if (trouble === "break") wire.break();
    else if (trouble === "pause") this.world.pauseFor(node, forMs);
    else if (trouble === "kill") this.nodes.get(node.name)?.kill(forMs);
  }

  #processOf(who: string): SimProcess | undefined {
    const { people, nodes, workers, backends } = this;
    return (people.get(who) ?? nodes.get(who) ?? workers.get(who) ?? backends.get(who))?.process;
  }
}

/** Up to where a partition may be trimmed, as its index says in the broker: to the watermark, and to what was not judged. */
function coveredIn(broker: Broker, partition: number): number {
  const { archive } = broker.partition(TOPICS.index, partition);
  let covered = -1;
  const unjudged = new Map<string, number>();
  for (const { key, value, transaction } of archive) {
    if (value === null || (transaction !== undefined && transaction.state !== "committed")) continue;
    const name = entryKeyText({ key });
    if (name === WATERMARK_KEY) covered = Number(decodeWatermark(value).covered ?? 0);
    else unjudged.set(name, Number(decodeIndexEntry(value).unjudgedFrom ?? Infinity));
  }
  return Math.min(covered, ...[...unjudged.values()].map((offset) => offset - 1));
}

/** A message of a backend, whose text names the record. */
function says(producer: string, number: number, length: number): EventJson[] {
  // Some of what a backend writes is refused, and some of it by the next rules only. (What they apply otherwise is left out:
  // clients of today would show it as they know it until their next snapshot, as docs/adr/0009 says.)
  if (length === 0 && number % 2 === 0) return [{ sessionUpdated: { title: " " } }];
  if (length === 0) return [{ runCompleted: { runId: `${producer}:${number}:0` } }];
  const messageId = `${producer}:${number}:0`;
  const text = `${producer} ${number} ${"words ".repeat(length)}`;
  return [
    { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } },
    { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text }, complete: true } },
    { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
  ];
}

function byName<Name extends string, Item>(names: readonly Name[], make: (name: Name) => Item): Map<string, Item> {
  return new Map(names.map((name) => [name, make(name)]));
}
