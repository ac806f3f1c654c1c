import { PerdureError } from "@perdure/core";
import type { HistoryFrame } from "@perdure/protocol/frames";
import { beforeEach, expect, test } from "vitest";
import { PageRequests } from "./page-requests.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let handle: number | undefined;
let refused: PerdureError | undefined;
let sent: HistoryFrame[];
let requests: PageRequests;

beforeEach(() => {
  handle = 7;
  refused = undefined;
  sent = [];
  let requestId = 0;
  requests = new PageRequests({
    clock: new ManualClock(),
    nextRequestId: () => (requestId += 1),
    handle: () => handle,
    send: (frame) => sent.push(frame),
    refused: () => refused,
  });
});

const page = { number: 3 };

test("SPEC 10: a page that was asked for just as the session was detached is asked for again once it is attached", async () => {
  const read = requests.read(4);
  handle = undefined;
  requests.onError({ t: "error", id: 1, code: "not_attached", message: "" });
  expect(sent).toEqual([{ t: "history", id: 1, h: 7, before: 4 }]);
  handle = 8;
  requests.attached();
  expect(sent.at(-1)).toEqual({ t: "history", id: 2, h: 8, before: 4 });
  requests.onPage({ t: "page", id: 2, h: 8, page, before: 3 });
  expect(await read).toEqual({ page, before: 3 });
});

test("SPEC 12: it is refused where the session is, instead of being attached", async () => {
  const read = requests.read(undefined);
  handle = undefined;
  requests.onError({ t: "error", id: 1, code: "not_attached", message: "" });
  requests.fail(new PerdureError("forbidden_session", "not yours"));
  await expect(read).rejects.toMatchObject({ code: "forbidden_session" });
});

test("SPEC 12: a page that is not there any more is told as the server tells it", async () => {
  const read = requests.read(4);
  requests.onError({ t: "error", id: 1, code: "history_lost", message: "gone" });
  await expect(read).rejects.toMatchObject({ code: "history_lost", message: "gone" });
});
