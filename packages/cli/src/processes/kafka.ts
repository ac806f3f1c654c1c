/** A broker for `--log kafka`. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { CliError } from "../errors.ts";

const BROKERS = /^[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*$/;

/** KAFKA_BROKERS, or the brokers that `./dev kafka start` leaves running. Throws CliError `invalid_option`, `start_failed`. */
export async function findBrokers(root: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const named = env["KAFKA_BROKERS"] ?? "";
  if (named !== "") {
    if (!BROKERS.test(named))
      throw new CliError("invalid_option", `KAFKA_BROKERS is a list of host:port, not '${named}'`);
    return named.split(",");
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(process.execPath, [join(root, "tools/kafka.ts"), "start"], { cwd: root }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new CliError("start_failed", `no Kafka broker could be started:\n${stderr || error.message}`));
  });
  const [, bootstrap] = /running at (\S+)/.exec(await promise) ?? [];
  if (bootstrap === undefined) throw new CliError("start_failed", "./dev kafka start did not say where the broker is");
  return bootstrap.split(",");
}
