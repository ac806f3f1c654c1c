import type { GroupListener, Log } from "@perdure/log";
import { alteredLog, TestLog, until } from "@perdure/replica/testing";
import { createLogger, createMetrics } from "@perdure/service-kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Keeper, startKeeper } from "./keeper.ts";

const REASON = "the log refuses the group: allow this client to read it";

let world: TestLog;
let keeper: Keeper | undefined;

beforeEach(async () => {
  world = await TestLog.open(2);
});

afterEach(async () => {
  await keeper?.stop();
  await world.close();
});

/** The log of a client that its group lets in only when the test says so. */
function guardedLog(): { log: Log; tell: (reason: string) => void; letIn: () => Promise<unknown> } {
  const { log } = world;
  let asked: Parameters<Log["joinGroup"]> | undefined;
  const listener = (): GroupListener | undefined => asked?.[2];
  const guarded = alteredLog(log, {
    joinGroup: async (...call) => {
      asked = call;
      call[2].onHindered?.(REASON);
      return Promise.resolve({ member: "", close: () => Promise.resolve() });
    },
  });
  return {
    log: guarded,
    tell: (reason) => listener()?.onHindered?.(reason),
    letIn: async () => {
      listener()?.onHindered?.(undefined);
      return asked && log.joinGroup(...asked);
    },
  };
}

test("a keeper that the log does not let in says what would, once for each reason, and is not ready until it is in", async () => {
  const lines: string[] = [];
  const logger = createLogger({ service: "keeper", node: "k", level: "info" }, { write: (line) => lines.push(line) });
  const metrics = createMetrics({ service: "keeper", node: "k" });
  const { log, tell, letIn } = guardedLog();
  keeper = await startKeeper({ log, clock: world.clock, logger, metrics, config: { node: "k", partitions: 2 } });
  expect(keeper.readiness()).toEqual({ ready: false, reason: REASON });
  tell("another reason");
  expect(keeper.readiness()).toEqual({ ready: false, reason: "another reason" });
  const warnings = lines.filter((line) => line.includes('"warn"'));
  expect(warnings).toEqual([expect.stringContaining(REASON), expect.stringContaining("another reason")]);
  expect(await metrics.metrics()).toContain(
    'perdure_keeper_alerts_total{reason="hindered",service="keeper",node="k"} 2',
  );
  await letIn();
  await until(() => keeper?.readiness().ready === true);
  expect(lines.at(-1)).toContain("gets its partitions again");
});
