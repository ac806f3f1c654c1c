import { decodeNodeLease, type NodeLeaseJson } from "@perdure/protocol";
import { ManualClock } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { describe, expect, it } from "vitest";
import { NodeExpiry } from "./node-expiry.ts";
import type { HeardLease } from "./node-leases.ts";

const logger = createLogger({ service: "keeper", node: "keeper", level: "silent" });

function watching(): { clock: ManualClock; hear: (node: string) => void; expired: string[]; expiry: NodeExpiry } {
  const clock = new ManualClock();
  const heard = new Map<string, HeardLease>();
  const expired: string[] = [];
  const hear = (node: string): void => {
    const lease: NodeLeaseJson = { node, incarnation: 3, leaseMs: 6_000, state: "NODE_LEASE_STATE_LIVE" };
    heard.set(node, { lease, heardMs: clock.now() });
  };
  const expiry = new NodeExpiry({
    log: {
      append: async (_topic, partition, { value }) => {
        expired.push(value === null ? "" : (decodeNodeLease(value).node ?? ""));
        return { partition, offset: 0 };
      },
    },
    clock,
    logger,
    leases: { get: (node) => heard.get(node), all: () => heard.entries() },
    node: "keeper",
    beatMs: 2_000,
    isInCharge: () => true,
  });
  return { clock, hear, expired, expiry };
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
    expect(new Set(world.expired)).toEqual(new Set(["edge"]));
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
