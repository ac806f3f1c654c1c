// Options of the programs behind `./dev`: what is wrong with them is said beside what there is, not as a stack trace.
import { parseArgs, type ParseArgsConfig } from "node:util";

/** Reads the program's arguments. On --help, and on what it does not know, it prints `usage` and ends: with 0, with 2. */
export function readOptions<const Config extends ParseArgsConfig>(
  usage: string,
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  if (process.argv.includes("--help") || process.argv.includes("-h")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    // What Node says after the first sentence is about its own way of quoting.
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split(". ");
    return refuse(`${reason}\n${usage}`);
  }
}

export interface NumberLimits {
  readonly low?: number;
  readonly high?: number;
  readonly isWhole?: boolean;
}

/** What was given with `--name`, a whole number from 1 on where nothing else is said. Anything else ends the program, with 2. */
export function numberOption(name: string, text: string, limits: NumberLimits = {}): number {
  const { low = 1, high = Number.MAX_SAFE_INTEGER, isWhole = true } = limits;
  const number = Number(text);
  if (text.trim() !== "" && number >= low && number <= high && (!isWhole || Number.isInteger(number))) return number;
  const kind = isWhole ? "a whole number" : "a number";
  const range = high === Number.MAX_SAFE_INTEGER ? `from ${low} on` : `from ${low} to ${high}`;
  return refuse(`--${name} takes ${kind} ${range}, not '${text}'`);
}

/** What was given with `--name`, one of these. Anything else ends the program, with 2. */
export function choiceOption<Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  return choices.find((choice) => choice === text) ?? refuse(`--${name} is ${choices.join(" or ")}, not '${text}'`);
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
