// `./dev python …`: Python with the packages of examples/python.
import { spawnSync } from "node:child_process";
import { findPython } from "./python/environment.ts";

const { status } = spawnSync(findPython(), process.argv.slice(2), { stdio: "inherit" });
process.exitCode = status ?? 1;
