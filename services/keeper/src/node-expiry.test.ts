import { decodeNodeLease, type NodeLeaseJson } from "@perdure/protocol";
import { ManualClock } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { describe, expect, it } from "vitest";
import { ExpiryHold } from "./expiry-hold.ts";
import { NodeExpiry } from "./node-expiry.ts";
import type { HeardLease } from "./node-leases.ts";

const logger = createLogger({ service: "keeper", node: "keeper", level: "silent" });

interface Watching {
  readonly holdMs?: number;
  readonly isInCharge?: (() => boolean) | undefined;
}

/** A keeper that watches; `inCharge`: whether it is its turn. */
function watching({ holdMs = 30_000, isInCharge = () => true }: Watching = {}) {
  const clock = new ManualClock();
  const heard = new Map<string, HeardLease>();
  const tail = { end: 0, pausedMs: 0, catchUp: (): void => undefined };
  const expired: string[] = [];
  const hear = (node: string): void => {
    const lease: NodeLeaseJson = { node, incarnation: 3, leaseMs: 6_000, state: "NODE_LEASE_STATE_LIVE" };
    heard.set(node, { lease, heardMs: clock.now() });
  };
  const alerts: number[] = [];
  const hold = new ExpiryHold({ clock, logger, holdMs, onAlert: () => alerts.push(clock.now()) });
  const expiry = new NodeExpiry({
    hold,
    log: {
      append: async (_topic, partition, { value }) => {
        const lease = value === null ? {} : decodeNodeLease(value);
        expired.push(lease.node ?? "");
        heard.set(lease.node ?? "", { lease, heardMs: clock.now() });
        return { partition, offset: 0 };
      },
      bounds: () => Promise.resolve({ start: 0, end: tail.end }),
    },
    clock: { now: () => clock.now() + tail.pausedMs, after: (ms, call) => clock.after(ms, call) },
    logger,
    leases: {
      get: (node) => heard.get(node),
      all: () => heard.entries(),
      heardTo: (offset) =>
        offset === 0 ? Promise.resolve() : new Promise((resolve) => Object.assign(tail, { catchUp: resolve })),
    },
    node: "keeper",
    beatMs: 2_000,
    isInCharge,
    onLook: () => undefined,
  });
  return { clock, hear, tail, expired, expiry, hold, alerts };
}

/** Lets everything happen that needs no time. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass in which only these nodes are heard. */
async function pass(world: ReturnType<typeof watching>, ms: number, nodes: readonly string[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const node of nodes) world.hear(node);
    world.clock.advance(1_000);
    await settled();
  }
}

describe("NodeExpiry", () => {
  it("declares a silent node's life over after its lease, and not before", async () => {
    const world = watching();
    await pass(world, 20_000, ["keeper", "edge"]);
    await pass(world, 5_000, ["keeper"]);
    expect(world.expired).toEqual([]);
    await pass(world, 2_000, ["keeper"]);
    expect(world.expired).toEqual(["edge"]);
    world.expiry.close();
    expect(world.clock.timerCount).toBe(0);
  });

  it("begins to count only when it has begun to hear", async () => {
    const world = watching();
    world.hear("edge");
    world.clock.advance(60_000);
    await pass(world, 6_000, ["keeper"]);
    expect(world.expired).toEqual([]);
    await pass(world, 2_000, ["keeper"]);
    expect(world.expired[0]).toBe("edge");
  });

  it("begins anew after a pause of its own, although its own beat is the first that it hears again", async () => {
    const world = watching();
    await pass(world, 20_000, ["keeper", "edge"]);
    // The look that was due meanwhile comes late, and by chance behind the keeper's own beat.
    world.clock.jump(60_000, () => world.hear("keeper"));
    expect(world.expired).toEqual([]);
    await pass(world, 5_000, ["keeper"]);
    expect(world.expired).toEqual([]);
  });
});

describe("a keeper whose tail is behind, though its own beat came back in time", () => {
  /** The tail stands still; the log goes on. */
  async function behind(isInCharge?: () => boolean): Promise<ReturnType<typeof watching>> {
    const world = watching({ isInCharge });
    await pass(world, 20_000, ["keeper", "edge"]);
    await pass(world, 5_000, ["keeper"]);
    world.tail.end = 7;
    world.hear("keeper");
    world.clock.advance(2_000);
    await settled();
    expect(world.expired).toEqual([]);
    return world;
  }

  it("spares a node that has beaten behind what it had heard", async () => {
    const world = await behind();
    world.hear("edge");
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual([]);
  });

  it("declares it over when what came behind is not of that node", async () => {
    const world = await behind();
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual(["edge"]);
  });

  it("judges as of the moment of the question, not of the answer", async () => {
    const world = watching();
    await pass(world, 20_000, ["keeper", "edge", "edge-2", "edge-3"]);
    await pass(world, 1_000, ["keeper", "edge-2", "edge-3"]);
    world.tail.end = 7;
    await pass(world, 6_000, ["keeper", "edge-3"]);
    expect(world.expired).toEqual([]);
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual(["edge"]);
  });

  it("asks again when the tail takes long, and judges by the later answer alone", async () => {
    const world = await behind();
    const { catchUp } = world.tail;
    world.clock.jump(3_000, () => world.hear("keeper"));
    await settled();
    catchUp();
    await settled();
    expect(world.expired).toEqual([]);
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual(["edge"]);
  });

  it("judges nobody by an answer that it finds after a pause, before it looks again", async () => {
    const world = await behind();
    world.tail.pausedMs = 60_000;
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual([]);
  });

  it("judges nobody when it has ceased to hear its own beat meanwhile", async () => {
    const world = await behind();
    world.clock.advance(1_000);
    world.clock.advance(1_000);
    await settled();
    world.clock.advance(1_000);
    await settled();
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual([]);
  });

  it("judges nobody when its turn has ended meanwhile", async () => {
    let inCharge = true;
    const world = await behind(() => inCharge);
    inCharge = false;
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual([]);
  });

  it("judges nobody after it was closed", async () => {
    const world = await behind();
    world.expiry.close();
    world.tail.catchUp();
    await settled();
    expect(world.expired).toEqual([]);
  });
});

describe("more than half of the nodes silent at once (SPEC 9: presence converges)", () => {
  const all = ["keeper", "edge-1", "edge-2", "ingest-1", "ingest-2"];

  it("are held, nobody is declared dead, and somebody is told once", async () => {
    const world = watching();
    await pass(world, 20_000, all);
    await pass(world, 30_000, ["keeper", "edge-1"]);
    expect(world.expired).toEqual([]);
    expect(world.hold.heldCount).toBe(3);
    expect(world.alerts).toHaveLength(1);
  });

  it("are held although their leases do not run out in the same moment", async () => {
    const world = watching();
    await pass(world, 20_000, all);
    // Cut off together; the last beat of each was some time before.
    await pass(world, 1_000, ["keeper", "edge-2", "ingest-1", "ingest-2"]);
    await pass(world, 1_000, ["keeper", "ingest-1", "ingest-2"]);
    await pass(world, 20_000, ["keeper"]);
    expect(world.expired).toEqual([]);
    expect(world.hold.heldCount).toBe(4);
  });

  it("are not held where it is half of them", async () => {
    const world = watching();
    await pass(world, 20_000, ["keeper", "edge-1", "edge-2", "edge-3"]);
    await pass(world, 8_000, ["keeper", "edge-1"]);
    expect(new Set(world.expired)).toEqual(new Set(["edge-2", "edge-3"]));
    expect(world.alerts).toEqual([]);
  });

  it("are let go when enough are heard again, and those that still are not are dead", async () => {
    const world = watching();
    await pass(world, 20_000, all);
    await pass(world, 15_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(4);
    await pass(world, 3_000, ["keeper", "edge-1", "ingest-1"]);
    expect(world.hold.heldCount).toBe(0);
    expect(new Set(world.expired)).toEqual(new Set(["edge-2", "ingest-2"]));
  });

  it("are dead when they are not heard for as long as they are waited for", async () => {
    const world = watching({ holdMs: 10_000 });
    await pass(world, 20_000, all);
    await pass(world, 15_000, ["keeper", "edge-1"]);
    expect(world.expired).toEqual([]);
    await pass(world, 3_000, ["keeper", "edge-1"]);
    expect(new Set(world.expired)).toEqual(new Set(["edge-2", "ingest-1", "ingest-2"]));
    expect(world.hold.heldCount).toBe(0);
    // The next time is a new one.
    await pass(world, 20_000, all);
    world.expired.length = 0;
    await pass(world, 12_000, ["keeper", "edge-1"]);
    expect(world.expired).toEqual([]);
    expect(world.alerts).toHaveLength(2);
  });

  it("are dead at once where the setting says so", async () => {
    const world = watching({ holdMs: 0 });
    await pass(world, 20_000, all);
    await pass(world, 8_000, ["keeper"]);
    expect(new Set(world.expired)).toEqual(new Set(all.slice(1)));
    expect(world.alerts).toEqual([]);
  });

  it("do not count for a keeper that does not hear its own beat, or whose turn it is not", async () => {
    let inCharge = true;
    const world = watching({ isInCharge: () => inCharge });
    await pass(world, 20_000, all);
    await pass(world, 10_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(4);
    inCharge = false;
    await pass(world, 2_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(0);
    inCharge = true;
    await pass(world, 2_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(4);
    await pass(world, 10_000, []);
    expect(world.hold.heldCount).toBe(0);
    expect(world.expired).toEqual([]);
  });
});
