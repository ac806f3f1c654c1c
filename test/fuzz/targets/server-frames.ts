import { parseServerFrame } from "@perdure/protocol";
import { mutateJson, mutateJsonText } from "../mutate-json.ts";
import { storyRecords } from "../stories.ts";
import { bytesOf, jsonText, type Target, textOf } from "../target.ts";

/** Text of a server of a later version, or of none, as clients read it. */
export const serverFrames: Target = {
  name: "frames of servers",
  create: () => ({
    state: undefined,
    take: (input) => (parseServerFrame(textOf(input)) === undefined ? "skipped" : "taken"),
  }),
  *inputs(random) {
    for (const { producer, first, actor, events = [] } of storyRecords(random)) {
      const record = { t: "e", h: 1, s: 7, at: 1_000, p: producer, n: first, by: actor, ev: events };
      const frames = [...OTHERS, record, { t: "attached", id: 1, h: 1, how: "resumed", seq: 9, records: [record] }];
      const frame = random.of(frames);
      yield bytesOf(jsonText(mutateJson(random, frame, frames)));
      yield bytesOf(mutateJsonText(random, JSON.stringify(frame)));
    }
  },
};

const OTHERS: readonly object[] = [
  ["a", 1, 12, 10, 7, "to Oslo"],
  ["s", 1, 15, 2],
  { t: "ack", h: 1, p: "w-1", n: 2, s: 17 },
  { t: "x", h: 1, by: { role: "ROLE_USER" }, ev: [{ transient: { kind: "typing" } }] },
  { t: "page", id: 1, h: 1, page: { number: 6 }, before: 6 },
  { t: "error", code: "draining", message: "", retryAfterMs: 5 },
  { t: "detached", h: 1, code: "session_replaced" },
  { t: "move", withinMs: 5_000 },
  { t: "pong" },
];
