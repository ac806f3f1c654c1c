/** The analyst with a model: the same tools, through the AI SDK; what the model writes is streamed as it comes. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { Chunk, Run } from "@perdure/agent";
import { isStepCount, streamText } from "ai";
import type { LanguageModel, ModelMessage, TextStreamPart } from "ai";
import type { ModelSettings } from "../settings.ts";
import type { Library } from "../folder/library.ts";
import type { RunOutput } from "../output/writer.ts";
import { CitationFinder } from "./citation-finder.ts";
import type { Steering } from "./steering.ts";
import { toolsFor } from "./tools.ts";

export interface ModelOptions {
  readonly model: LanguageModel;
  readonly settings: ModelSettings;
  readonly library: Library;
  readonly output: RunOutput;
  readonly steering: Steering;
}

const MAX_STEPS = 12;
const REMEMBERED_MESSAGES = 12;

/** The model that the environment names. */
export function openModel({ provider, baseUrl, apiKey, name }: ModelSettings): LanguageModel {
  if (provider === "anthropic")
    return createAnthropic({ apiKey, ...(baseUrl === "" ? {} : { baseURL: baseUrl }) })(name);
  return createOpenAICompatible({ name: "openai", baseURL: baseUrl, apiKey, includeUsage: true })(name);
}

/** Answers a run's question with a model; what people say meanwhile ends a round and begins the next one. */
export async function answerByModel(run: Run, options: ModelOptions): Promise<void> {
  const { said } = options.steering;
  const messages = conversation(run);
  let round: number;
  do {
    round = said.length;
    const asked: ModelMessage[] = said.slice(0, round).map((content) => ({ role: "user", content }));
    const text = await answerRound(run, options, { round, messages: [...messages, ...asked] });
    if (text !== "") messages.push({ role: "assistant", content: text });
  } while (said.length > round);
}

async function answerRound(
  run: Run,
  options: ModelOptions,
  { round, messages }: { round: number; messages: ModelMessage[] },
): Promise<string> {
  const { library, output, steering, model } = options;
  const key = `write:${round}`;
  const enough = new AbortController();
  const { stream, totalUsage } = streamText({
    model,
    instructions: instructionsFor(library),
    messages,
    tools: toolsFor(run, library),
    stopWhen: isStepCount(MAX_STEPS),
    abortSignal: AbortSignal.any([run.signal, enough.signal]),
    // Errors come as parts of the stream, where they end the run.
    onError: () => {},
  });
  const usage = Promise.resolve(totalUsage).catch(() => undefined);
  run.progress({ label: "Asking the model" });
  async function* chunks(): AsyncGenerator<Chunk> {
    output.begin(key);
    const citations = new CitationFinder(library);
    for await (const part of stream) {
      const chunk = chunkOf(part);
      if (chunk === undefined) continue;
      if (typeof chunk === "string") output.text(key, chunk);
      else citations.interrupt();
      yield chunk;
      if (typeof chunk !== "string") continue;
      yield* citations.found(chunk);
      if (steering.said.length === round || !chunk.includes("\n")) continue;
      enough.abort();
      return;
    }
  }
  const text = await run.pipe(chunks(), { key, label: "Ask the model" });
  output.done(key);
  const spent = enough.signal.aborted ? undefined : await usage;
  if (spent !== undefined) {
    const { inputTokens = 0, outputTokens = 0 } = spent;
    await run.usage({ provider: options.settings.provider, model: options.settings.name, inputTokens, outputTokens });
  }
  return text;
}

function chunkOf(part: TextStreamPart<ReturnType<typeof toolsFor>>): Chunk | undefined {
  switch (part.type) {
    case "text-delta":
      return part.text === "" ? undefined : part.text;
    case "reasoning-delta":
      return { kind: "reasoning", text: part.text };
    case "tool-call":
      return { kind: "toolCall", callId: part.toolCallId, name: part.toolName, input: part.input };
    case "tool-result":
      return { kind: "toolResult", callId: part.toolCallId, output: part.output ?? null };
    case "tool-error":
      return { kind: "toolResult", callId: part.toolCallId, output: String(part.error), failed: true };
    case "error":
      throw part.error instanceof Error ? part.error : new Error(String(part.error));
    default:
      return undefined;
  }
}

const instructionsFor = (library: Library): string =>
  `You answer questions about the files in a folder of ${library.files.length} text files. Use your tools to look before ` +
  `you answer: search first, read what you cite. Rest every statement on lines you have read, and cite them right after ` +
  `it as [path:first-last], for example [src/main.ts:10-24], with the path as the tools give it. Say plainly what you ` +
  `did not find. Write Markdown, in the language of the question, and be brief.`;

/** What was said in the session so far, as a model reads it. */
function conversation(run: Run): ModelMessage[] {
  const messages = run.session.messages.filter(({ runId }) => runId !== run.id).slice(-REMEMBERED_MESSAGES);
  const turns = messages.flatMap(({ role, parts = [] }): ModelMessage[] => {
    const texts = parts.filter(({ part }) => part?.kind === "PART_KIND_TEXT").map(({ part }) => part?.text ?? "");
    const content = texts.join("");
    if (content === "") return [];
    return [{ role: role === "MESSAGE_ROLE_ASSISTANT" ? "assistant" : "user", content }];
  });
  return turns.at(-1)?.content === run.input.text ? turns : [...turns, { role: "user", content: run.input.text }];
}
