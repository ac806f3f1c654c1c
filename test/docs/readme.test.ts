import { access, readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), "utf8");

test("the agent in the README is the example that can be run", async () => {
  const [, shown] = /```ts\n(import \{ readFile[^]*?)```/.exec(await read("README.md")) ?? [];
  expect(shown).toBe(await read("examples/hello/agent.ts"));
});

test("every file that the README links to is there", async () => {
  const links = [...(await read("README.md")).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(5);
  await Promise.all(links.map((path) => access(new URL(`../../${path}`, import.meta.url))));
});
