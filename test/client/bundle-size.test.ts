import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const LIMIT_BYTES = 30 * 1024;

test("the client with the core is at most 30 KiB gzipped, and needs nothing but a browser", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve("@perdure/client"))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    metafile: true,
  });
  const [output] = outputFiles;
  expect(gzipSync(output?.contents ?? "").length).toBeLessThanOrEqual(LIMIT_BYTES);
  const outside = Object.keys(metafile.inputs).filter((path) => path.includes("node_modules"));
  expect(outside).toEqual([]);
});
