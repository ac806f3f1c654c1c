import type { Entry } from "@perdure/log";
import { encodePage, keyBytes } from "@perdure/protocol";
import type { SessionIndex } from "@perdure/replica";
import { expect, it } from "vitest";
import { PageChains } from "./page-chains.ts";

const KEY = "acme/one";

/** What the log has of page 2, which the index names as the newest. */
const newest: Entry = {
  offset: 30,
  timeMs: 0,
  key: keyBytes(KEY),
  value: encodePage({ epoch: "0", number: 2, previous: ["20", "10"] }),
};

function chains(): PageChains {
  const index: Pick<SessionIndex, "find"> = { find: () => ({ pageOffset: "30" }) };
  return new PageChains({ read: () => Promise.resolve([newest]) }, 0, index);
}

it("a page names those before it, and not itself where it is written again because nobody knew that it was there", async () => {
  expect(await chains().before(KEY, 0, 3)).toEqual([30, 20, 10]);
  expect(await chains().before(KEY, 0, 2)).toEqual([20, 10]);
  expect(await chains().before(KEY, 0, 1)).toEqual([10]);
});
