// A server that speaks the streaming API of OpenAI's chat completions, with answers that a test has written.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** One answer of the model: words, or one tool call, or an error. */
export type ModelAnswer =
  | { readonly words: readonly string[]; readonly everyMs?: number }
  | { readonly tool: string; readonly input: object }
  | { readonly status: number; readonly message: string };

interface Chat {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

export class ModelServer {
  /** What it was asked, in order. */
  readonly asked: Chat[] = [];
  readonly #server: Server;
  readonly #answers: (chat: Chat) => ModelAnswer;

  /** `answers` gets each request. */
  static async start(answers: (chat: Chat) => ModelAnswer): Promise<ModelServer> {
    const model = new ModelServer(answers);
    const { promise, resolve } = Promise.withResolvers<void>();
    model.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return model;
  }

  private constructor(answers: (chat: Chat) => ModelAnswer) {
    this.#answers = answers;
    this.#server = createServer((request, response) => {
      void read(request).then(async (chat) => {
        this.asked.push(chat);
        const answer = this.#answers(chat);
        if ("status" in answer) {
          response.writeHead(answer.status, { "content-type": "application/json" });
          response.end(JSON.stringify({ error: { message: answer.message, type: "error", code: null } }));
          return;
        }
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const delta of deltas(answer)) {
          if ("everyMs" in answer) await delay(answer.everyMs);
          response.write(chunk({ choices: [{ index: 0, delta, finish_reason: null }] }));
        }
        response.write(
          chunk({ choices: [{ index: 0, delta: {}, finish_reason: "tool" in answer ? "tool_calls" : "stop" }] }),
        );
        response.write(chunk({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 } }));
        response.end("data: [DONE]\n\n");
      });
    });
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/v1`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function deltas(answer: Exclude<ModelAnswer, { readonly status: number }>): object[] {
  if ("words" in answer) return answer.words.map((content) => ({ role: "assistant", content }));
  const call = { name: answer.tool, arguments: JSON.stringify(answer.input) };
  return [{ role: "assistant", tool_calls: [{ index: 0, id: "call_1", type: "function", function: call }] }];
}

const chunk = (fields: object): string =>
  `data: ${JSON.stringify({ id: "answer-1", object: "chat.completion.chunk", created: 1, model: "test-model", ...fields })}\n\n`;

async function read(request: IncomingMessage): Promise<Chat> {
  let text = "";
  const body: AsyncIterable<Buffer> = request;
  for await (const part of body) text += part.toString("utf8");
  const value: unknown = JSON.parse(text);
  const isChat = (one: unknown): one is Chat => typeof one === "object" && one !== null && "messages" in one;
  if (!isChat(value)) throw new Error(`no chat: ${text}`);
  return value;
}
