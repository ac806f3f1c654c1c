import { NODE_FLAGS } from "@perdure/service-kit";
import { freePorts } from "../../tools/kafka/broker.ts";
import { collectedBytes, inspectFlag } from "../measure/collected-bytes.ts";
import { ChildProgram } from "../stand/child-program.ts";
import type { FromBare, ToBare } from "./bare-messages.ts";

/** Bare uWebSockets in a process of its own: what sending and holding sockets costs at least. */
export class Bare {
  readonly port: number;
  readonly #inspectPort: number;
  readonly #program: ChildProgram<ToBare, FromBare>;

  private constructor(program: ChildProgram<ToBare, FromBare>, port: number, inspectPort: number) {
    this.#program = program;
    this.port = port;
    this.#inspectPort = inspectPort;
  }

  static async start(): Promise<Bare> {
    const [inspectPort = 0] = await freePorts(1);
    const flags = [...NODE_FLAGS, inspectFlag(inspectPort)];
    const program = new ChildProgram<ToBare, FromBare>(new URL("bare-server.ts", import.meta.url), flags);
    const message = await program.next();
    if (message.t !== "listening") throw new Error("the bare server does not listen");
    return new Bare(program, message.port, inspectPort);
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Resident memory without garbage. */
  collectedBytes(): Promise<number> {
    return collectedBytes(this.pid, this.#inspectPort);
  }

  /** Sockets that open from now on share out so many topics. */
  async shareOut(sessionCount: number): Promise<void> {
    await this.#program.ask({ t: "sessions", count: sessionCount });
  }

  async publish(perSecond: number, durationMs: number): Promise<void> {
    await this.#program.ask({ t: "publish", perSecond, durationMs });
  }

  async close(): Promise<void> {
    await this.#program.close();
  }
}
