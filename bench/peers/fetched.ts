import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Where the peers are kept; nothing of it is committed. */
const folder = resolve(".runtime/peers");
const limitMs = 600_000;

/** A program that is there or can be made; undefined, and a word of why, where it cannot be had. */
function made(name: string, path: string, make: (dir: string) => void): string | undefined {
  const dir = join(folder, name);
  const whole = join(dir, path);
  if (existsSync(whole)) return whole;
  process.stderr.write(`peers: fetching ${name} (once)\n`);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  try {
    make(dir);
    return whole;
  } catch (error) {
    process.stderr.write(`peers: ${name} cannot be had here: ${String(error)}\n`);
    return undefined;
  }
}

function run(dir: string, environment: Readonly<Record<string, string>>, command: string, ...args: string[]): void {
  const env = { ...process.env, ...environment };
  const { status, stderr, error } = spawnSync(command, args, { cwd: dir, env, encoding: "utf8", timeout: limitMs });
  if (status !== 0) throw error ?? new Error(stderr.slice(-500));
}

/** Centrifugo, built from the Go module proxy as a dependency of a module made here. */
export const centrifugoProgram = (): string | undefined =>
  made("centrifugo-5.4.9", "centrifugo", (dir) => {
    writeFileSync(
      join(dir, "go.mod"),
      "module bench\n\ngo 1.23\n\nrequire github.com/centrifugal/centrifugo/v5 v5.4.9\n",
    );
    writeFileSync(join(dir, "peers.go"), 'package bench\n\nimport _ "github.com/centrifugal/centrifugo/v5"\n');
    const go = { GOSUMDB: "off", GOFLAGS: "-mod=mod" };
    run(dir, go, "go", "build", "-o", "centrifugo", "github.com/centrifugal/centrifugo/v5");
  });

/** Debian's Redis with the libraries that it needs, unpacked and not installed. */
export const redisProgram = (): string | undefined =>
  made("redis", "root/usr/bin/redis-check-rdb", (dir) => {
    run(
      dir,
      {},
      "apt-get",
      "download",
      "redis-tools",
      "libjemalloc2",
      "liblzf1",
      "libatomic1",
      "liblua5.1-0",
      "lua-cjson",
      "lua-bitop",
    );
    for (const name of readdirSync(dir)) if (name.endsWith(".deb")) run(dir, {}, "dpkg", "-x", name, "root");
  });

/** The folder of Socket.IO with its Redis streams adapter. */
export const socketIoFolder = (): string | undefined => {
  const marker = made("socket.io-4.8.4", "node_modules/socket.io/package.json", (dir) => {
    writeFileSync(join(dir, "package.json"), '{ "private": true }\n');
    const packages = ["socket.io@4.8.4", "@socket.io/redis-streams-adapter@0.3.1", "redis@4.7.1"];
    run(dir, {}, "npm", "install", "--no-audit", "--no-fund", ...packages);
  });
  return marker && resolve(marker, "../../..");
};
