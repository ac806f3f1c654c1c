import type { ActorJson, RecordJson } from "@perdure/protocol";
import { describe, expect, it } from "vitest";
import { LatestWriter } from "./latest-writer.ts";

const bot: ActorJson = { tenant: "acme", participant: "bot", role: "ROLE_AGENT", instance: "i-1" };
const record = (actor: ActorJson | undefined, producer = "p"): RecordJson => ({
  producer,
  ...(actor !== undefined && { actor: { ...actor } }),
});

describe("LatestWriter", () => {
  it("gives records in a row of one writer the same actor", () => {
    const writer = new LatestWriter();
    const [first, second] = [writer.share(record(bot)), writer.share(record(bot))];
    expect(second.actor).toBe(first.actor);
  });

  it.each<[string, ActorJson | undefined]>([
    ["tenant", { ...bot, tenant: "other" }],
    ["participant", { ...bot, participant: "ann" }],
    ["role", { ...bot, role: "ROLE_USER" }],
    ["instance", { ...bot, instance: "i-2" }],
    ["presence", undefined],
  ])("leaves a record as it is whose actor differs in its %s", (_, actor) => {
    const writer = new LatestWriter();
    for (const each of [bot, actor, bot, actor]) {
      expect(writer.share(record(each, each === bot ? "p" : "q"))).toEqual(record(each, each === bot ? "p" : "q"));
    }
  });
});
