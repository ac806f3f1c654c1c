import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Store, type StoredTopic } from "./store.ts";

let dir: string;
let store: Store;
let topic: StoredTopic;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "store-"));
  store = new Store(dir);
  topic = await store.createTopic({ name: "latest", partitions: 1, cleanup: "compact" });
});

afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Goes on with what is on disk now, as after a kill. */
async function restartAsKilled(): Promise<void> {
  const left = dir;
  dir = mkdtempSync(join(tmpdir(), "store-"));
  cpSync(left, dir, { recursive: true });
  await store.close();
  rmSync(left, { recursive: true, force: true });
  store = new Store(dir);
}

const put = (offset: number, value: string | null): void =>
  store.putEntry(topic, 0, offset, 0, {
    key: Buffer.from("k"),
    value: value === null ? null : Buffer.from(value),
  });
const values = (before: number): (string | undefined)[] =>
  store.read(topic.id, 0, 0, before, 1_000).entries.map(({ value }) => value?.toString());

test("what a commit replaces is there until it is told to go, whatever else is committed", async () => {
  await store.commit(() => put(0, "first"));
  await store.commit(() => put(1, "second"));
  await store.createTopic({ name: "other", partitions: 1, cleanup: "compact" });
  // Whoever read while the second commit was under way knew of offset 0 alone.
  expect(values(1)).toEqual(["first"]);
  await store.commit(() => store.removeReplaced());
  expect(values(2)).toEqual(["second"]);
});

test("what the last commit replaced does not come back where the process was killed before the next one", async () => {
  await store.commit(() => put(0, "first"));
  await store.commit(() => put(1, null));
  await restartAsKilled();
  await store.commit(() => {
    store.removeReplaced();
    store.removeTombstones(5);
  });
  expect(values(2)).toEqual([]);
});
