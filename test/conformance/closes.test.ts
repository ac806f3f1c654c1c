import { readFileSync } from "node:fs";
import { STATUSES } from "@perdure/core";
import { expect, test } from "vitest";

test("SPEC 12: the page lists each close code of the table of codes, and no others", () => {
  const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const listed = [...page.matchAll(/^\| (4\d{3}) \| `(\w+)`/gm)].map(([, close, code]) => [code, Number(close)]);
  const known = Object.entries(STATUSES).map(([code, { webSocketClose }]) => [code, webSocketClose] as const);
  const closing = known.filter(([, close]) => close !== 0).toSorted(([, one], [, other]) => one - other);
  expect(listed).toEqual(closing);
});
