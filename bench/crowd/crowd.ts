import type { Cursor } from "@perdure/protocol";
import { PROTOCOL_VERSION } from "@perdure/protocol/frames";
import { ChildProgram } from "../stand/child-program.ts";
import type { CrowdClient, CrowdCount, FromCrowd, StormResult, ToCrowd } from "./messages.ts";

/** Many clients in a process of their own, so that their work is not counted as the server's. */
export class Crowd {
  readonly #program = new ChildProgram<ToCrowd, FromCrowd>(new URL("main.ts", import.meta.url));

  /** Resolves when all are attached (or, where they say nothing, connected). */
  async open(port: number, path: string, clients: readonly CrowdClient[]): Promise<void> {
    await this.#ask({ t: "open", port, path, clients });
  }

  /** Frames and bytes since the last call. */
  async count(): Promise<CrowdCount> {
    const answer = await this.#ask({ t: "count" });
    if (answer.t !== "counted") throw new Error(`the crowd answered ${answer.t}`);
    return answer;
  }

  /** All come at once, and come again until each is attached. */
  async storm(port: number, path: string, clients: readonly CrowdClient[]): Promise<StormResult> {
    const answer = await this.#ask({ t: "storm", port, path, clients });
    if (answer.t !== "calmed") throw new Error(`the crowd answered ${answer.t}`);
    return answer;
  }

  async close(): Promise<void> {
    await this.#program.close();
  }

  async #ask(message: ToCrowd): Promise<FromCrowd> {
    const answer = await this.#program.ask(message);
    if (answer.t === "failed") throw new Error(`the crowd failed: ${answer.why}`);
    return answer;
  }
}

/** A client of an edge that follows one session, from a cursor on where it has one. */
export const follower = (token: string, session: string, cursor?: Cursor): CrowdClient => ({
  hello: JSON.stringify({ t: "hello", v: PROTOCOL_VERSION, token }),
  attach: JSON.stringify({ t: "attach", id: 1, session, cursor }),
});
