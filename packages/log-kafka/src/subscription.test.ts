import { LogError } from "@perdure/log";
import type { TailListener } from "@perdure/log";
import { describe, expect, test } from "vitest";
import { Subscription } from "./subscription.ts";

const TRIMMED = new LogError("offset_trimmed", "trimmed", { start: 5 });

/** A subscription in a callback that lasts until `held` is settled; what its owner hears in the end. */
function holding() {
  const held = Promise.withResolvers<void>();
  const told: string[] = [];
  const listener: TailListener = {
    onEntries: () => held.promise,
    onPartitionError: (_partition, { code }) => void told.push(code),
  };
  const place = { topic: "events", partition: 0, offset: 0 };
  const subscription = new Subscription(place, listener, () => told.push("left its tail"));
  subscription.receive({ entries: [], nextOffset: 0, end: 0 });
  return { subscription, held, told };
}

describe("a partition that ends while its listener is in a callback", () => {
  test("is told once that has ended", async () => {
    const { subscription, held, told } = holding();
    subscription.fail(TRIMMED);
    expect(told).toEqual([]);
    held.resolve();
    await held.promise;
    expect(told).toEqual(["left its tail", "offset_trimmed"]);
  });

  test("is told once, and why it ended, also where that callback fails", async () => {
    const { subscription, held, told } = holding();
    subscription.fail(TRIMMED);
    held.reject(new Error("no"));
    await held.promise.catch(() => undefined);
    expect(told).toEqual(["left its tail", "offset_trimmed"]);
  });

  test("says nothing where it was let go of meanwhile", async () => {
    const { subscription, held, told } = holding();
    subscription.fail(TRIMMED);
    subscription.stop();
    held.reject(new Error("no"));
    await held.promise.catch(() => undefined);
    expect(told).toEqual([]);
  });
});

test("a callback that fails ends its partition with `unavailable`", async () => {
  const { held, told } = holding();
  held.reject(new Error("no"));
  await held.promise.catch(() => undefined);
  expect(told).toEqual(["left its tail", "unavailable"]);
});
