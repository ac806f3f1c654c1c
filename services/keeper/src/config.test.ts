import { ConfigError, loadConfig } from "@perdure/service-kit";
import { describe, expect, it } from "vitest";
import { keeperConfigSchema } from "./config.ts";

describe("the keeper's configuration", () => {
  it("has a value for everything", () => {
    const { keeper, log, nice } = loadConfig(keeperConfigSchema, {});
    expect(nice).toBe(10);
    expect(keeper).toMatchObject({ partitions: log.partitions, checkpointMs: 8_000, eventsKeptMs: 604_800_000 });
  });

  it("takes what is set, and keeps the caps in order", () => {
    const { keeper } = loadConfig(keeperConfigSchema, {
      PERDURE_NODE: "keeper-7",
      PERDURE_PARTITIONS: "3",
      PERDURE_CHECKPOINT_MS: "500",
      PERDURE_CHECKPOINT_BYTES: "100000000",
      PERDURE_EVENTS_KEPT_MS: "0",
    });
    expect(keeper).toMatchObject({ node: "keeper-7", partitions: 3, checkpointMs: 500, eventsKeptMs: 0 });
    expect(keeper.uncoveredBytesMax).toBe(200_000_000);
  });

  it("lets the keeper step back as far as the system can", () => {
    expect(loadConfig(keeperConfigSchema, { PERDURE_KEEPER_NICE: "0" }).nice).toBe(0);
    expect(() => loadConfig(keeperConfigSchema, { PERDURE_KEEPER_NICE: "20" })).toThrow(/PERDURE_KEEPER_NICE/);
  });

  it("names what is wrong, and what it does not know", () => {
    const wrong = { PERDURE_CHECKPOINT_MS: "soon", PERDURE_TRIM_MS: "1", PERDURE_CHECKPIONT_BYTES: "1" };
    expect(() => loadConfig(keeperConfigSchema, wrong)).toThrow(ConfigError);
    expect(() => loadConfig(keeperConfigSchema, wrong)).toThrow(
      /PERDURE_CHECKPIONT_BYTES[\s\S]*PERDURE_CHECKPOINT_MS[\s\S]*PERDURE_TRIM_MS/,
    );
  });
});
