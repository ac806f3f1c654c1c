import type { EventJson } from "@perdure/protocol";
import { expect, test } from "vitest";
import { PerdureError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { type KnownDocument, SharedDocument } from "./shared-document.ts";

class Place {
  known: KnownDocument | undefined;
  /** What is said of what comes next; then it is taken. */
  readonly refusals: PerdureError[] = [];
  readonly events: EventJson[] = [];
  readonly document = new SharedDocument(
    "plan",
    () => this.known,
    async (event) => {
      this.events.push(event);
      const refusal = this.refusals.shift();
      if (refusal !== undefined) throw refusal;
    },
  );
}

test("a value is put in place of whatever there is; nothing is kept as null", async () => {
  const { document, events } = new Place();
  await document.replace({ days: 3 });
  await document.replace(undefined);
  expect(events).toEqual([
    { documentReplaced: { name: "plan", content: '{"days":3}' } },
    { documentReplaced: { name: "plan", content: "null" } },
  ]);
});

test("what a value becomes is worked out again where somebody was faster", async () => {
  const place = new Place();
  place.known = { value: 1, changed: 7 };
  place.refusals.push(new PerdureError("document_conflict", "look again"));
  const seen: unknown[] = [];
  await place.document.update((value) => {
    seen.push(value);
    place.known = { value: 5, changed: 9 };
    return Number(value) + 1;
  });
  expect(seen).toEqual([1, 5]);
  expect(place.events).toEqual([
    { documentReplaced: { name: "plan", content: "2", baseSeq: 7 } },
    { documentReplaced: { name: "plan", content: "6", baseSeq: 9 } },
  ]);
});

test("another refusal is told", async () => {
  const place = new Place();
  place.refusals.push(new PerdureError("documents_full", "remove one"));
  await expect(place.document.update(() => 1)).rejects.toMatchObject({ code: "documents_full" });
  expect(place.events).toHaveLength(1);
});

test("a patch says which state it is meant for", async () => {
  const place = new Place();
  place.known = { value: [], changed: 4 };
  await place.document.patch([{ op: "add", path: "/-", value: 1 }]);
  const patch = '[{"op":"add","path":"/-","value":1}]';
  expect(place.events).toEqual([{ documentPatched: { name: "plan", patch, baseSeq: 4 } }]);
});

test("what is too long, counted in UTF-8, or no JSON is refused before it is sent", async () => {
  const { document, events } = new Place();
  // Two bytes each, and two quotation marks.
  const longest = "é".repeat(LIMITS.documentBytes / 2 - 1);
  await document.replace(longest);
  expect(events).toHaveLength(1);
  await expect(document.replace(`${longest}a`)).rejects.toMatchObject({ code: "too_large" });
  await expect(document.update(() => `${longest}a`)).rejects.toMatchObject({ code: "too_large" });
  const value = "a".repeat(64 * 1024);
  await expect(document.patch([{ op: "add", path: "", value }])).rejects.toMatchObject({ code: "too_large" });
  await expect(document.replace(1n)).rejects.toMatchObject({ code: "invalid_event" });
  expect(events).toHaveLength(1);
});
