import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MUTATIONS } from "./mutations.ts";

const ROOT = new URL("../../../", import.meta.url);

describe("planted bugs", () => {
  test.each(MUTATIONS.map(({ name, patches }) => [name, patches] as const))(
    "%s: stands for today's code",
    (_name, patches) => {
      for (const { file, find } of patches) {
        const parts = readFileSync(new URL(file, ROOT), "utf8").split(find);
        expect(parts, `${file} has what is replaced once: ${find}`).toHaveLength(2);
      }
    },
  );
});
