import { PerdureError } from "@perdure/core";
import type { MessageStateJson, PageJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { type PageSource, pastMessages, patient } from "./past.ts";

const message = (id: string, ...texts: string[]): MessageStateJson => ({
  id,
  parts: texts.map((text) => ({ part: { kind: "PART_KIND_TEXT", text } })),
});

/** Pages 0, 1, 2 …, and how often each was asked for. */
function sourceOf(...pages: PageJson[]): { source: PageSource; asked: number[] } {
  const asked: number[] = [];
  const source: PageSource = {
    page(_, beforePage) {
      const number = (beforePage === 0 ? pages.length : beforePage) - 1;
      asked.push(number);
      return Promise.resolve({ page: pages[number], before: Math.max(number, 0) });
    },
  };
  return { source, asked };
}

const textsOf = ({ parts = [] }: MessageStateJson): (string | undefined)[] => parts.map(({ part }) => part?.text);

describe("messages of the past", () => {
  test("come in the order in which they are asked for, from no more pages than needed", async () => {
    const { source, asked } = sourceOf(
      {},
      { messages: [message("a", "1")] },
      { messages: [message("b", "2"), message("c")] },
    );
    const found = await pastMessages(source, "s", ["a", "b"]);
    expect(found.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(asked).toEqual([2, 1]);
  });

  test("are whole again where they were split over pages", async () => {
    const { source } = sourceOf(
      { messages: [message("a", "1", "2")], piece: 1, pieces: 3 },
      { messages: [message("a", "3")], piece: 2, pieces: 3 },
      { messages: [message("a", "4")], piece: 3, pieces: 3 },
    );
    const [found] = await pastMessages(source, "s", ["a"]);
    expect(found && textsOf(found)).toEqual(["1", "2", "3", "4"]);
  });

  test("are missing where no page has them", async () => {
    const { source, asked } = sourceOf({ messages: [message("b")] });
    expect(await pastMessages(source, "s", ["a"])).toEqual([]);
    expect(asked).toEqual([0]);
  });

  test("are waited for as long as the node says that they are not there yet", async () => {
    const clock = new ManualClock();
    let tries = 0;
    const source = patient(
      {
        page() {
          if (++tries < 3) return Promise.reject(new PerdureError("catching_up", "not yet", { retryAfterMs: 500 }));
          return Promise.resolve({ page: { messages: [message("a", "1")] }, before: 0 });
        },
      },
      clock,
    );
    const found = pastMessages(source, "s", ["a"]);
    for (let turn = 0; turn < 2; turn += 1) {
      await clock.untilWait(500);
      clock.advance(500);
    }
    expect((await found).map(({ id }) => id)).toEqual(["a"]);
    expect(tries).toBe(3);
  });

  test("cannot be had where the node refuses", async () => {
    const refusing = { page: () => Promise.reject(new PerdureError("forbidden_session", "no")) };
    const found = pastMessages(patient(refusing, new ManualClock()), "s", ["a"]);
    await expect(found).rejects.toMatchObject({ code: "forbidden_session" });
  });
});
