import { LogError } from "@perdure/log";
import { describe, expect, test, vi } from "vitest";
import { provisionWhenPossible } from "./provision.ts";

const logger = { warn: () => undefined };
const gone = (): LogError => new LogError("unavailable", "connection closed");

describe("seeing to the topics", () => {
  test("is tried again while brokers come and go", async () => {
    const provision = vi.fn<() => Promise<[]>>(() => Promise.resolve([]));
    provision.mockRejectedValueOnce(gone()).mockRejectedValueOnce(gone());
    expect(await provisionWhenPossible({ provision }, { topics: [], logger })).toEqual([]);
    expect(provision).toHaveBeenCalledTimes(3);
  });

  test("ends when it is told to", async () => {
    const ending = new AbortController();
    const provision = () => Promise.reject(gone());
    const warn = (): void => ending.abort();
    const trying = provisionWhenPossible({ provision }, { topics: [], logger: { warn }, signal: ending.signal });
    await expect(trying).rejects.toMatchObject({ code: "unavailable" });
  });

  test("does not hide what waiting cannot mend", async () => {
    const provision = () => Promise.reject(new LogError("corrupt", "the files are damaged"));
    await expect(provisionWhenPossible({ provision }, { topics: [], logger })).rejects.toMatchObject({
      code: "corrupt",
    });
  });
});
