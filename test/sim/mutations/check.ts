import { execFile } from "node:child_process";
import { MUTATIONS, type Mutation } from "./mutations.ts";

interface Result {
  readonly seeds: number;
  readonly faults: readonly string[];
}

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const AT_ONCE = 2;

/** Runs seeds with each planted bug until one fails. Answers the exit code: 0 where every one was caught. */
export async function checkMutations(seedsMax: number): Promise<number> {
  const waiting = [...MUTATIONS];
  const missed: string[] = [];
  console.log("| planted bug | caught as | after seeds |\n|---|---|---|");
  const work = async (): Promise<void> => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const { seeds, faults } = await tryOut(mutation, seedsMax);
      const [fault] = faults;
      if (fault === undefined) missed.push(mutation.name);
      console.log(`| ${mutation.name} | ${fault?.split("\n")[0] ?? "**not caught**"} | ${seeds} |`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  console.log(`${MUTATIONS.length - missed.length} of ${MUTATIONS.length} caught`);
  return missed.length === 0 ? 0 : 1;
}

/** In a process of its own, where the patched modules are all that is loaded. */
function tryOut({ name }: Mutation, seedsMax: number): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const args = [...process.execArgv, MAIN, "--mutation", name, "--seeds", String(seedsMax), "--json"];
  execFile(process.execPath, args, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
    const line = stdout.trim().split("\n").at(-1) ?? "";
    const result: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
    if (isResult(result)) resolve(result);
    else reject(new Error(`${name}: ${stderr || (error?.message ?? "no answer")}`));
  });
  return promise;
}

const isResult = (value: unknown): value is Result =>
  typeof value === "object" && value !== null && "seeds" in value && "faults" in value;
