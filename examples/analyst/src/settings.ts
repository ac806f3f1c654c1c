/** What the analyst reads from its environment and arguments. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { AnalystError } from "./errors.ts";

export interface ModelSettings {
  readonly provider: "openai" | "anthropic";
  readonly name: string;
  /** Empty: the provider's own. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

export interface Settings {
  readonly url: string;
  /** File of a token that is renewed while the agent runs. */
  readonly tokenFile: string;
  readonly folder: string;
  /** Undefined: no key is set, and the answers are put together without a model. */
  readonly model: ModelSettings | undefined;
  readonly tokensPerSecond: number;
  /** Where to write down what was produced; empty: nowhere. */
  readonly truthFile: string;
  readonly plainPort: number;
}

const OPENAI_MODEL = "gpt-5-mini";
const ANTHROPIC_MODEL = "claude-sonnet-5";
const TOKENS_PER_SECOND = 30;

/** Throws AnalystError `bad_setting` that names the setting. */
export function readSettings(args: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const { values } = parseArgs({ args: [...args], options: { folder: { type: "string" } } });
  return {
    url: required(env, "PERDURE_URL"),
    tokenFile: required(env, "PERDURE_TOKEN_FILE"),
    folder: resolve(values.folder ?? "."),
    model: modelSettings(env),
    tokensPerSecond: positive(env, "ANALYST_TOKENS_PER_SECOND", TOKENS_PER_SECOND),
    truthFile: env["ANALYST_TRUTH_FILE"] ?? "",
    plainPort: positive(env, "ANALYST_PLAIN_PORT", 0),
  };
}

function modelSettings(env: NodeJS.ProcessEnv): ModelSettings | undefined {
  const openAiKey = env["OPENAI_API_KEY"] ?? "";
  if (openAiKey !== "") {
    const baseUrl = env["OPENAI_BASE_URL"] ?? "https://api.openai.com/v1";
    return { provider: "openai", name: env["ANALYST_MODEL"] ?? OPENAI_MODEL, baseUrl, apiKey: openAiKey };
  }
  const anthropicKey = env["ANTHROPIC_API_KEY"] ?? "";
  if (anthropicKey === "") return undefined;
  const baseUrl = env["ANTHROPIC_BASE_URL"] ?? "";
  return { provider: "anthropic", name: env["ANALYST_MODEL"] ?? ANTHROPIC_MODEL, baseUrl, apiKey: anthropicKey };
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name] ?? "";
  if (value === "") throw new AnalystError("bad_setting", `${name} is not set: ./dev up prints what to set it to`);
  return value;
}

function positive(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!(value > 0 && value <= 100_000))
    throw new AnalystError("bad_setting", `${name} must be a number above 0, not '${text}'`);
  return value;
}
