import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogError, type Log } from "@perdure/log";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { decodeNodeLease, encodeNodeLease, keyBytes, type NodeLeaseJson } from "@perdure/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { beatNode, type NodeBeatOptions } from "./node-beat.ts";

/** One timer at a time is all that a beat asks for; `strike` lets it pass. */
function handClock() {
  let next: (() => void) | undefined;
  return {
    now: () => 0,
    after: (_: number, call: () => void) => {
      next = call;
      return () => {
        if (next === call) next = undefined;
      };
    },
    strike: () => {
      const call = next;
      next = undefined;
      call?.();
      return call !== undefined;
    },
  };
}

describe("a node's lease", () => {
  let dir: string;
  let log: Log;
  let clock = handClock();

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "perdure-beat-"));
    log = await openEmbeddedLog({ dir });
    await log.provision([{ name: "nodes", partitions: 1, cleanup: "compact" }]);
    clock = handClock();
  });
  afterEach(async () => {
    await log.close();
    rmSync(dir, { recursive: true });
  });

  const optionsOf = (options: Partial<NodeBeatOptions> = {}): NodeBeatOptions => ({
    log,
    topic: "nodes",
    node: "edge-1",
    kind: "NODE_KIND_EDGE",
    rules: 1,
    leaseMs: 6_000,
    beatMs: 2_000,
    onExpired: () => undefined,
    onReplaced: () => undefined,
    onProblem: (error) => {
      throw error;
    },
    clock,
    firstBeat: 1,
    ...options,
  });
  const begin = (options?: Partial<NodeBeatOptions>) => beatNode(optionsOf(options));

  async function leases(): Promise<NodeLeaseJson[]> {
    const entries = await log.read("nodes", 0, 0, { maxBytes: 1_000_000 });
    return entries.flatMap(({ value }) => (value === null ? [] : [decodeNodeLease(value)]));
  }
  const latest = async () => (await leases()).at(-1);
  const write = (lease: NodeLeaseJson) =>
    log.append("nodes", 0, { key: keyBytes(lease.node ?? ""), value: encodeNodeLease(lease) });

  test("is in the log before the node serves, and says all that a keeper needs", async () => {
    await begin();
    expect(await leases()).toEqual([
      {
        node: "edge-1",
        kind: "NODE_KIND_EDGE",
        incarnation: 1,
        beat: 1,
        rules: 1,
        leaseMs: 6_000,
        state: "NODE_LEASE_STATE_LIVE",
      },
    ]);
  });

  test("tells which rules all know whose leases run, itself among them (SPEC 14)", async () => {
    const beat = await begin({ rules: 3 });
    expect(beat.rulesOfAll).toBe(3);
    const lease = { node: "ingest-1", incarnation: 1, beat: 1, leaseMs: 6_000 };
    await write({ ...lease, rules: 2, state: "NODE_LEASE_STATE_LIVE" });
    await expect.poll(() => beat.rulesOfAll).toBe(2);
    await write({ ...lease, rules: 2, state: "NODE_LEASE_STATE_DRAINING" });
    await write({ ...lease, node: "edge-9", state: "NODE_LEASE_STATE_LIVE" });
    await expect.poll(() => beat.rulesOfAll).toBe(1);
    await write({ ...lease, node: "edge-9", state: "NODE_LEASE_STATE_EXPIRED" });
    await expect.poll(() => beat.rulesOfAll).toBe(2);
    await write({ ...lease, rules: 2, state: "NODE_LEASE_STATE_LEFT" });
    await expect.poll(() => beat.rulesOfAll).toBe(3);
  });

  test("is renewed at each beat", async () => {
    await begin();
    clock.strike();
    await vi.waitFor(async () => expect(await latest()).toMatchObject({ beat: 2, incarnation: 1 }));
    await vi.waitFor(() => expect(clock.strike()).toBe(true));
    await vi.waitFor(async () => expect(await latest()).toMatchObject({ beat: 3, incarnation: 1 }));
  });

  test("of the next process of that name is a new life, and the process before it learns that it was replaced", async () => {
    const replaced = Promise.withResolvers<void>();
    await begin({ onReplaced: () => replaced.resolve() });
    const second = await begin({ clock: handClock() });
    expect(second.incarnation).toBe(2);
    await replaced.promise;
    expect(clock.strike()).toBe(false);
    expect(await latest()).toMatchObject({ incarnation: 2 });
  });

  test("that two processes began as the same life is given up by both", async () => {
    const replaced = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await Promise.all(
      replaced.map((each, index) =>
        begin({ clock: handClock(), firstBeat: 1_000 * (index + 1), onReplaced: () => each.resolve() }),
      ),
    );
    await expect(Promise.all(replaced.map((each) => each.promise))).resolves.toHaveLength(2);
  });

  test("that expired is followed by a new life, announced before anybody joins under it", async () => {
    const lives = Promise.withResolvers<[number, NodeLeaseJson | undefined]>();
    const node = await begin({ onExpired: (life) => void latest().then((lease) => lives.resolve([life, lease])) });
    await write({ node: "edge-1", incarnation: 1, state: "NODE_LEASE_STATE_EXPIRED" });
    const [life, lease] = await lives.promise;
    expect(life).toBe(2);
    expect(lease).toMatchObject({ incarnation: 2, beat: 2, state: "NODE_LEASE_STATE_LIVE" });
    expect(node.incarnation).toBe(2);
  });

  test("begins another life, once, when a session refuses its own: what it has beaten since may hide that it expired", async () => {
    const onExpired = vi.fn<(incarnation: number) => void>();
    const node = await begin({ onExpired });
    for (const refused of [0, 1, 1]) node.declaredOver(refused);
    await vi.waitFor(() => expect(onExpired).toHaveBeenCalledWith(2));
    expect(await latest()).toMatchObject({ incarnation: 2, state: "NODE_LEASE_STATE_LIVE" });
    await node.leave();
    node.declaredOver(2);
    expect({ incarnation: node.incarnation, calls: onExpired.mock.calls.length }).toEqual({ incarnation: 2, calls: 1 });
  });

  test("of a life that is over may expire again, and other nodes' may: nothing follows", async () => {
    await write({ node: "edge-1", incarnation: 6, state: "NODE_LEASE_STATE_LIVE" });
    const onExpired = vi.fn<(incarnation: number) => void>();
    const node = await begin({ onExpired });
    await write({ node: "edge-1", incarnation: 6, state: "NODE_LEASE_STATE_EXPIRED" });
    await write({ node: "edge-2", incarnation: 7, state: "NODE_LEASE_STATE_EXPIRED" });
    await node.drain();
    await vi.waitFor(async () => expect(await latest()).toMatchObject({ state: "NODE_LEASE_STATE_DRAINING" }));
    expect(node.incarnation).toBe(7);
    expect(onExpired).not.toHaveBeenCalled();
  });

  test("says that the node drains, and then that it has left; then it beats no more", async () => {
    const node = await begin();
    await node.drain();
    expect(await latest()).toMatchObject({ beat: 2, state: "NODE_LEASE_STATE_DRAINING" });
    await node.leave();
    expect(await latest()).toMatchObject({ beat: 3, state: "NODE_LEASE_STATE_LEFT" });
    expect(clock.strike()).toBe(false);
    await node.leave();
    expect(await latest()).toMatchObject({ beat: 3 });
  });

  test("goes on after beats that could not be written, and a new life is told once it stands in the log", async () => {
    const problems: unknown[] = [];
    const told: number[] = [];
    const onExpired = (incarnation: number) => told.push(incarnation);
    await begin({ onProblem: (error) => problems.push(error), onExpired });
    // The first append after this is the expiry, the second the node's own.
    const append = log.append.bind(log);
    vi.spyOn(log, "append")
      .mockImplementationOnce(append)
      .mockRejectedValueOnce(new LogError("unavailable", "no broker"));
    await write({ node: "edge-1", incarnation: 1, state: "NODE_LEASE_STATE_EXPIRED" });
    await vi.waitFor(() => expect(problems).toHaveLength(1));
    expect(told).toEqual([]);
    await vi.waitFor(() => expect(clock.strike()).toBe(true));
    await vi.waitFor(() => expect(told).toEqual([2]));
    expect(await latest()).toMatchObject({ incarnation: 2 });
    const { beat = 0 } = (await latest()) ?? {};
    await vi.waitFor(() => expect(clock.strike()).toBe(true));
    await vi.waitFor(() => expect(clock.strike()).toBe(true));
    expect((await latest())?.beat).toBeGreaterThan(beat);
    expect(told).toEqual([2]);
  });

  test("that is rubbish is told and passed over", async () => {
    await log.append("nodes", 0, { key: keyBytes("edge-1"), value: new Uint8Array([0xff, 0xff]) });
    const problems: unknown[] = [];
    const node = await begin({ onProblem: (error) => problems.push(error) });
    expect(node.incarnation).toBe(1);
    expect(problems).toEqual([expect.objectContaining({ code: "malformed" })]);
  });

  test("cannot begin without its topic", async () => {
    await expect(begin({ topic: "none" })).rejects.toMatchObject({ code: "no_such_topic" });
  });
});
