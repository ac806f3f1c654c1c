import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("the generated code is what proto/ gives", () => {
  const { status, stderr } = spawnSync(process.execPath, ["tools/generate.ts", "--check"], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
