import { spawnSync } from "node:child_process";
import { NODE_FLAGS } from "@perdure/service-kit";

/** Goes on in a process that was started as services are; in that one it does nothing. */
export function runWithNodeFlags(): void {
  if (NODE_FLAGS.every((flag) => process.execArgv.includes(flag))) return;
  const args = [...NODE_FLAGS, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  process.exit(status ?? 1);
}
