import { describe, expect, test } from "vitest";
import { Outbox } from "./outbox.ts";
import { ManualClock } from "./testing/manual-clock.ts";

describe("after a refusal that leaves the number unused", () => {
  test("the next record goes under a producer of its own, so that the session does not wait for a number given up", async () => {
    const sent: string[] = [];
    const outbox = new Outbox({
      page: "page",
      producer: "page",
      clock: new ManualClock(),
      transmit: (producer, { number }) => sent.push(`${producer}:${number}`) > 0,
      save: () => undefined,
      onChange: () => undefined,
    });
    const draft = () => ({ events: [{ sessionUpdated: { title: "Trip" } }] });
    const refused = outbox.add(draft, 0).applied;
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 4, code: "invalid_event", expected: 1 });
    await expect(refused).rejects.toMatchObject({ code: "invalid_event", expected: 1 });
    const next = outbox.add(draft, 4).applied;
    expect(sent).toEqual(["page:1", "page-2:1"]);
    outbox.onAck({ t: "ack", h: 1, p: "page-2", n: 1, s: 5 });
    expect(await next).toBe(5);
  });
});
