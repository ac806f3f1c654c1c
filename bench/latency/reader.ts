import { NODE_FLAGS } from "@perdure/service-kit";
import { ChildProgram } from "../stand/child-program.ts";
import { sharedNowMs } from "./clock.ts";
import { pace, tokensIn } from "./pacer.ts";
import type { FromReader, Source, ToReader } from "./reader-messages.ts";
import { Samples } from "./samples.ts";
import { tokenOf } from "./series.ts";

/** A reader in a process of its own, with the flags of a service. */
export class Reader {
  readonly #program: ChildProgram<ToReader, FromReader>;

  private constructor(program: ChildProgram<ToReader, FromReader>) {
    this.#program = program;
  }

  /** Resolves when it reads. */
  static async open(source: Source): Promise<Reader> {
    const program = new ChildProgram<ToReader, FromReader>(new URL("reader-program.ts", import.meta.url), NODE_FLAGS);
    await program.ask({ t: "open", source });
    return new Reader(program);
  }

  /** Sends tokens evenly for a while, and waits until all have arrived: how long each was on its way. */
  async measure(perSecond: number, durationMs: number, send: (index: number, token: string) => void): Promise<Samples> {
    await this.#program.ask({ t: "expect", count: tokensIn(perSecond, durationMs) });
    const arrived = this.#program.next();
    const sentMs: number[] = [];
    await pace(perSecond, durationMs, (index) => {
      sentMs.push(sharedNowMs());
      send(index, tokenOf(index));
    });
    const message = await arrived;
    if (message.t !== "arrived") throw new Error("a reader says when tokens have arrived");
    const samples = new Samples();
    for (const [index, atMs] of message.atMs.entries()) samples.add(atMs - (sentMs[index] ?? Number.NaN));
    return samples;
  }

  close(): Promise<void> {
    return this.#program.close();
  }
}
