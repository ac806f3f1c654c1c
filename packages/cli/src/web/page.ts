/** The page and its client, bundled in memory from their sources. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { build, stop } from "esbuild";

export interface Asset {
  readonly type: string;
  readonly content: Uint8Array;
  readonly etag: string;
}

export interface PageFiles {
  /** The document, the same for every session. */
  readonly document: Asset;
  /** By path, for example `/assets/main-4F2A.js`. */
  readonly assets: ReadonlyMap<string, Asset>;
}

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  woff2: "font/woff2",
};

/** Bundles `folder`/src/main.ts and `folder`/src/styles/index.css. Throws what esbuild says where they do not compile. */
export async function bundlePage(folder: string): Promise<PageFiles> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, "src/main.ts"), join(folder, "src/styles/index.css")],
    outbase: join(folder, "src"),
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: "/assets",
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file" },
    logLevel: "silent",
  });
  await stop();
  const assets = new Map(
    outputFiles.map((file) => [`/assets/${basename(file.path)}`, asset(basename(file.path), file.contents)]),
  );
  return { document: asset("index.html", new TextEncoder().encode(documentFor([...assets.keys()]))), assets };
}

function asset(name: string, content: Uint8Array): Asset {
  const ending = /\.(\w+)$/.exec(name)?.[1] ?? "";
  const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
  return { type: TYPES[ending] ?? "text/html; charset=utf-8", content, etag };
}

function documentFor(paths: readonly string[]): string {
  const script = paths.find((path) => path.endsWith(".js")) ?? "";
  const style = paths.find((path) => path.endsWith(".css")) ?? "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>perdure workbench</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230f766e' d='M1 6h3v4H1zm5 0h3v4H6zm5 0h4v4h-4z'/%3E%3C/svg%3E">
<link rel="stylesheet" href="${style}">
<script type="module" src="${script}"></script>
</head>
<body><noscript>This page needs JavaScript.</noscript></body>
</html>
`;
}
