// `./dev check [NAME…] [--fix]`: every static check, or the named ones, two at a time; prints a line for each and
// the output of those that fail. --fix formats and applies the linter's safe fixes instead of complaining.
import { execFile, spawnSync } from "node:child_process";
import { readOptions } from "./options.ts";

const { values, positionals } = readOptions("./dev check [NAME…] [--fix]", {
  allowPositionals: true,
  options: { fix: { type: "boolean" } },
});
const fix = values.fix === true;

/** Each check is a list of commands from node_modules/.bin (or `node`), run one after the other. */
const checks: Readonly<Record<string, readonly (readonly string[])[]>> = {
  types: ["tsconfig.json", "tsconfig.browser.json", "packages/core", "packages/client"].map((project) => [
    "tsc",
    "--project",
    project,
  ]),
  lint: [["oxlint", ...(fix ? ["--fix"] : [])]],
  format: [["oxfmt", fix ? "--write" : "--list-different"]],
  schema: [["buf", "lint"], ...breaking(), ["node", "tools/generate.ts", "--check"]],
  unused: [["knip", "--no-progress", "--no-config-hints"]],
  lockfile: [["node", "tools/lockfile.ts"]],
};

// The schema may only grow: compared with the last release or, before the first one, with the last commit.
function breaking(): string[][] {
  const release = git("describe", "--tags", "--match", "v*", "--abbrev=0");
  const ref = release ?? "HEAD";
  const gitFolder = git("rev-parse", "--git-common-dir");
  if (gitFolder === undefined || git("cat-file", "-e", `${ref}:buf.yaml`) === undefined) return [];
  return [["buf", "breaking", "--against", `${gitFolder}#ref=${ref}`]];
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

const env = { ...process.env, NO_COLOR: "1" };

/** Runs one command; resolves to its output, and whether it succeeded. */
async function run([command = "", ...args]: readonly string[]): Promise<{ ok: boolean; output: string }> {
  const path = command === "node" ? process.execPath : `node_modules/.bin/${command}`;
  const { promise, resolve } = Promise.withResolvers<{ ok: boolean; output: string }>();
  execFile(path, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, env }, (error, stdout, stderr) => {
    resolve({ ok: error === null, output: `${stdout}${stderr}` || (error?.message ?? "") });
  });
  return promise;
}

async function check(name: string): Promise<boolean> {
  const startedMs = performance.now();
  const results = [];
  for (const command of checks[name] ?? []) results.push(await run(command));
  const ok = results.every((result) => result.ok);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${ok ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (!ok) for (const { output } of results.filter((result) => !result.ok)) console.log(output.trimEnd());
  return ok;
}

const unknown = positionals.find((name) => !Object.hasOwn(checks, name));
if (unknown !== undefined) {
  console.error(`no check named '${unknown}'; there are: ${Object.keys(checks).join(", ")}`);
  process.exit(2);
}
const waiting = positionals.length > 0 ? [...positionals] : Object.keys(checks);
const failed: string[] = [];
async function work(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (!(await check(name))) failed.push(name);
  }
}
// What fixes files runs alone, so that nothing reads them half written.
await Promise.all(fix ? [work()] : [work(), work()]);
if (failed.length > 0) {
  console.log(
    `./dev check failed: ${failed.join(", ")}${failed.includes("format") ? " (./dev check --fix formats)" : ""}`,
  );
  process.exitCode = 1;
}
