import { PerdureError, STATUSES } from "@perdure/core";
import type { Logger } from "@perdure/service-kit";
import type { HttpResponse } from "uWebSockets.js";
import { type Refusal, refusalOf } from "./refusal.ts";

/** What a handler answers: JSON and its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: object;
}

/** Reason phrases are for people; HTTP/1.1 wants something there. */
const PHRASES: Readonly<Record<number, string>> = { 200: "OK", 202: "Accepted", 204: "No Content" };

export const refusalAnswer = (refusal: Refusal): HttpAnswer => ({
  status: STATUSES[refusal.code].httpStatus,
  body: refusal,
});

/** A request that may end before its answer is ready. */
export class HttpExchange {
  readonly #response: HttpResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #logger: Pick<Logger, "error">;
  readonly #aborted: AbortController = new AbortController();
  #open = true;

  constructor(response: HttpResponse, headers: Readonly<Record<string, string>>, logger: Pick<Logger, "error">) {
    this.#logger = logger;
    this.#response = response;
    this.#headers = headers;
    response.onAborted(() => {
      this.#open = false;
      this.#aborted.abort();
    });
  }

  /** Answers with what the handler comes to, or with the code of what it throws. Never rejects. */
  async answer(handler: () => Promise<HttpAnswer>): Promise<void> {
    let answer: HttpAnswer;
    try {
      answer = await handler();
    } catch (error) {
      answer = refusalAnswer(refusalOf(error, this.#logger));
    }
    this.#send(answer);
  }

  /** The whole body. Rejects with `too_large` past `maxBytes`, and with `closed` when the client goes away. */
  body(maxBytes: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    // Whether it is wanted shows later.
    promise.catch(() => undefined);
    this.#aborted.signal.addEventListener("abort", () => reject(new PerdureError("closed", "The client went away.")));
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    this.#response.onData((chunk, isLast) => {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes)
        return reject(new PerdureError("too_large", `The body has more than ${maxBytes} bytes.`));
      // uWebSockets takes the memory back when this returns.
      chunks.push(Buffer.from(chunk.slice(0)));
      if (isLast) resolve(Buffer.concat(chunks).toString("utf8"));
    });
    return promise;
  }

  #send({ status, body }: HttpAnswer): void {
    if (!this.#open) return;
    this.#open = false;
    this.#response.cork(() => {
      this.#response.writeStatus(`${status} ${PHRASES[status] ?? "Refused"}`);
      for (const [name, value] of Object.entries(this.#headers)) this.#response.writeHeader(name, value);
      this.#response.writeHeader("content-type", "application/json").end(JSON.stringify(body));
    });
  }
}
