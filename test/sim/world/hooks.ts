import { registerHooks } from "node:module";

/** Another text in one source file, for this process only. */
export interface SourcePatch {
  /** The end of the file's path. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Packages that reach for sockets or threads, or that nobody in a run calls and that take long, and what stands in for them. */
const SIMULATED: Readonly<Record<string, string>> = {
  "uWebSockets.js": "uws.ts",
  "@grpc/grpc-js": "grpc.ts",
  "@grpc/reflection": "reflection.ts",
  jose: "jose.ts",
};

/** Small caps, so that a short run meets them: shedding, forgotten writers, expired numbers. */
const SMALL_CAPS: readonly SourcePatch[] = (
  [
    ["limits", "producers: 4096,", "producers: 64,"],
    ["follower-limits", "producerWindow: 1024,", "producerWindow: 32,"],
    ["follower-limits", "tombstones: 1024,", "tombstones: 5,"],
    ["limits", "settledBytes: 64 * 1024,", "settledBytes: 6 * 1024,"],
    ["limits", "settledKeptBytes: 32 * 1024,", "settledKeptBytes: 3 * 1024,"],
    ["limits", "pageBytes: 64 * 1024,", "pageBytes: 3 * 1024,"],
  ] as const
).map(([name, find, replace]) => ({ file: `packages/core/src/${name}.ts`, find, replace }));

/** An agent keeps as many records as the ledger remembers numbers. */
const SMALL_OUTBOX: SourcePatch = {
  file: "packages/agent/src/link/outbox.ts",
  find: "unjudgedCount: 1_024",
  replace: "unjudgedCount: 32",
};

/** From here on modules are loaded with what stands in for the real network, and with the patches. Call it first. */
export function installHooks(patches: readonly SourcePatch[]): void {
  const all = [...SMALL_CAPS, SMALL_OUTBOX, ...patches];
  registerHooks({
    resolve(specifier, context, next) {
      const standIn = SIMULATED[specifier];
      if (standIn === undefined || context.parentURL?.includes("/node_modules/") === true) {
        return next(specifier, context);
      }
      return { url: new URL(`../simulated/${standIn}`, import.meta.url).href, shortCircuit: true };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const own = all.filter(({ file }) => url.endsWith(`/${file}`));
      if (own.length === 0) return loaded;
      const source = own.reduce((text, patch) => patched(text, patch), sourceText(loaded.source));
      return { ...loaded, source };
    },
  });
}

function sourceText(source: unknown): string {
  if (typeof source === "string") return source;
  if (source instanceof Uint8Array) return new TextDecoder().decode(source);
  throw new TypeError("a module to be patched has no text");
}

/** Throws where the text is not there exactly once: the source has changed, and the patch has to follow. */
function patched(text: string, { file, find, replace }: SourcePatch): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what a patch replaces: ${find}`);
  return parts.join(replace);
}
