import { decodeNodeLease, type NodeLeaseJson } from "@perdure/protocol";
import { ManualClock } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { describe, expect, it } from "vitest";
import { ExpiryHold } from "./expiry-hold.ts";
import { NodeExpiry } from "./node-expiry.ts";
import type { HeardLease } from "./node-leases.ts";

const logger = createLogger({ service: "keeper", node: "keeper", level: "silent" });

/** A keeper that watches; `inCharge`: whether it is its turn. */
function watching({ holdMs = 30_000, isInCharge = (): boolean => true } = {}) {
  const clock = new ManualClock();
  const heard = new Map<string, HeardLease>();
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
    },
    clock,
    logger,
    leases: { get: (node) => heard.get(node), all: () => heard.entries() },
    node: "keeper",
    beatMs: 2_000,
    isInCharge,
    onLook: () => undefined,
  });
  return { clock, hear, expired, expiry, hold, alerts };
}

/** Lets time pass in which only these nodes are heard. */
function pass(world: ReturnType<typeof watching>, ms: number, nodes: readonly string[]): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const node of nodes) world.hear(node);
    world.clock.advance(1_000);
  }
}

describe("NodeExpiry", () => {
  it("declares a silent node's life over after its lease, and not before", () => {
    const world = watching();
    pass(world, 20_000, ["keeper", "edge"]);
    pass(world, 5_000, ["keeper"]);
    expect(world.expired).toEqual([]);
    pass(world, 2_000, ["keeper"]);
    expect(world.expired).toEqual(["edge"]);
    world.expiry.close();
    expect(world.clock.timerCount).toBe(0);
  });

  it("begins to count only when it has begun to hear", () => {
    const world = watching();
    world.hear("edge");
    world.clock.advance(60_000);
    pass(world, 6_000, ["keeper"]);
    expect(world.expired).toEqual([]);
    pass(world, 2_000, ["keeper"]);
    expect(world.expired[0]).toBe("edge");
  });

  it("begins anew after a pause of its own, although its own beat is the first that it hears again", () => {
    const world = watching();
    pass(world, 20_000, ["keeper", "edge"]);
    // The look that was due meanwhile comes late, and by chance behind the keeper's own beat.
    world.clock.jump(60_000, () => world.hear("keeper"));
    expect(world.expired).toEqual([]);
    pass(world, 5_000, ["keeper"]);
    expect(world.expired).toEqual([]);
  });
});

describe("more than half of the nodes silent at once (SPEC 9: presence converges)", () => {
  const all = ["keeper", "edge-1", "edge-2", "ingest-1", "ingest-2"];

  it("are held, nobody is declared dead, and somebody is told once", () => {
    const world = watching();
    pass(world, 20_000, all);
    pass(world, 30_000, ["keeper", "edge-1"]);
    expect(world.expired).toEqual([]);
    expect(world.hold.heldCount).toBe(3);
    expect(world.alerts).toHaveLength(1);
  });

  it("are held although their leases do not run out in the same moment", () => {
    const world = watching();
    pass(world, 20_000, all);
    // Cut off together; the last beat of each was some time before.
    pass(world, 1_000, ["keeper", "edge-2", "ingest-1", "ingest-2"]);
    pass(world, 1_000, ["keeper", "ingest-1", "ingest-2"]);
    pass(world, 20_000, ["keeper"]);
    expect(world.expired).toEqual([]);
    expect(world.hold.heldCount).toBe(4);
  });

  it("are not held where it is half of them", () => {
    const world = watching();
    pass(world, 20_000, ["keeper", "edge-1", "edge-2", "edge-3"]);
    pass(world, 8_000, ["keeper", "edge-1"]);
    expect(new Set(world.expired)).toEqual(new Set(["edge-2", "edge-3"]));
    expect(world.alerts).toEqual([]);
  });

  it("are let go when enough are heard again, and those that still are not are dead", () => {
    const world = watching();
    pass(world, 20_000, all);
    pass(world, 15_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(4);
    pass(world, 3_000, ["keeper", "edge-1", "ingest-1"]);
    expect(world.hold.heldCount).toBe(0);
    expect(new Set(world.expired)).toEqual(new Set(["edge-2", "ingest-2"]));
  });

  it("are dead when they are not heard for as long as they are waited for", () => {
    const world = watching({ holdMs: 10_000 });
    pass(world, 20_000, all);
    pass(world, 15_000, ["keeper", "edge-1"]);
    expect(world.expired).toEqual([]);
    pass(world, 3_000, ["keeper", "edge-1"]);
    expect(new Set(world.expired)).toEqual(new Set(["edge-2", "ingest-1", "ingest-2"]));
    expect(world.hold.heldCount).toBe(0);
    // The next time is a new one.
    pass(world, 20_000, all);
    world.expired.length = 0;
    pass(world, 12_000, ["keeper", "edge-1"]);
    expect(world.expired).toEqual([]);
    expect(world.alerts).toHaveLength(2);
  });

  it("are dead at once where the setting says so", () => {
    const world = watching({ holdMs: 0 });
    pass(world, 20_000, all);
    pass(world, 8_000, ["keeper"]);
    expect(new Set(world.expired)).toEqual(new Set(all.slice(1)));
    expect(world.alerts).toEqual([]);
  });

  it("do not count for a keeper that does not hear its own beat, or whose turn it is not", () => {
    let inCharge = true;
    const world = watching({ isInCharge: () => inCharge });
    pass(world, 20_000, all);
    pass(world, 10_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(4);
    inCharge = false;
    pass(world, 2_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(0);
    inCharge = true;
    pass(world, 2_000, ["keeper"]);
    expect(world.hold.heldCount).toBe(4);
    pass(world, 10_000, []);
    expect(world.hold.heldCount).toBe(0);
    expect(world.expired).toEqual([]);
  });
});
