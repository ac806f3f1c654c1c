// The agent of a transcript. It writes what the transcript says, the way that nodes write for agents.
import type { EventJson } from "@perdure/protocol";
import { TENANT, Writer, type World } from "../edge/support.ts";
import { isList, isObject } from "./values.ts";

export class ScriptedAgent {
  readonly instance: string;
  readonly producer: string;
  readonly #writer: Writer;
  #attempt = 0;

  private constructor(writer: Writer, instance: string, producer: string) {
    this.#writer = writer;
    this.instance = instance;
    this.producer = producer;
  }

  /** A new instance of the agent of this name, which has joined the session. */
  static async join(world: World, agent: string, session: string): Promise<ScriptedAgent> {
    const held = await world.replica.attach(`${TENANT}/${session}`, ignore);
    const instance = `${agent}-${crypto.randomUUID().slice(0, 8)}`;
    const producer = `p-${instance}`;
    const writer = new Writer(held, { participant: agent, role: "ROLE_AGENT", instance }, producer);
    await writer.write([{ agentJoined: { agent, instance, attachment: "a", node: "n", incarnation: 1 } }]);
    return new ScriptedAgent(writer, instance, producer);
  }

  /** One record, of the attempt that it has accepted last. Throws where it is refused. */
  async write(events: unknown): Promise<void> {
    if (!isEvents(events)) throw new Error(`no events: ${JSON.stringify(events)}`);
    const { seq } = await this.#writer.write([...events], { attempt: this.#attempt });
    const last = events.at(-1);
    if (last?.runAccepted !== undefined) this.#attempt = seq;
  }
}

const ignore = { onAccepted: () => undefined, onLost: () => undefined };

const isEvents = (value: unknown): value is readonly EventJson[] => isList(value) && value.every(isObject);
