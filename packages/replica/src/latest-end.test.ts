import type { Bounds } from "@perdure/log";
import { describe, expect, it } from "vitest";
import { LatestEnd } from "./latest-end.ts";

function askedByHand(): { calls: PromiseWithResolvers<Bounds>[]; end: LatestEnd } {
  const calls: PromiseWithResolvers<Bounds>[] = [];
  const bounds = (): Promise<Bounds> => {
    const call = Promise.withResolvers<Bounds>();
    calls.push(call);
    return call.promise;
  };
  return { calls, end: new LatestEnd({ bounds }, 0) };
}

describe("LatestEnd", () => {
  it("does not answer with a look that had begun before", async () => {
    const { calls, end } = askedByHand();
    const first = end.read();
    const second = end.read();
    const third = end.read();
    expect(calls).toHaveLength(1);
    calls[0]?.resolve({ start: 0, end: 5 });
    await expect(first).resolves.toBe(5);
    await Promise.resolve();
    expect(calls).toHaveLength(2);
    calls[1]?.resolve({ start: 0, end: 9 });
    await expect(Promise.all([second, third])).resolves.toEqual([9, 9]);
  });

  it("asks again after a failure", async () => {
    const { calls, end } = askedByHand();
    const first = end.read();
    const second = end.read();
    calls[0]?.reject(new Error("away"));
    await expect(first).rejects.toThrow("away");
    await Promise.resolve();
    calls[1]?.resolve({ start: 0, end: 1 });
    await expect(second).resolves.toBe(1);
  });
});
