import { randomUUID } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { Server, ServerDuplexStream } from "@grpc/grpc-js";
import { PerdureError } from "@perdure/core";
import { AgentService, HeartbeatRequestSchema, HeartbeatResponseSchema } from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";
import { bearerOf } from "../grpc/bearer.ts";
import { asBuffer, decode, registerBidi } from "../grpc/methods.ts";
import { refusalOf, statusOf } from "../refusal.ts";
import { AgentStream, type StreamCall } from "./agent-stream.ts";
import type { AgentDeps } from "./deps.ts";
import { Outgoing } from "./outgoing.ts";

type Call = ServerDuplexStream<Buffer, Buffer>;

/** The agents of one node: their streams, and the heartbeats that say they live. */
export class Agents {
  readonly #deps: AgentDeps;
  readonly #streams = new Set<AgentStream>();
  /** The stream of each process. */
  readonly #byInstance = new Map<string, AgentStream>();
  #calls = 0;
  #draining = false;
  #whenNone: (() => void) | undefined;

  constructor(deps: AgentDeps) {
    this.#deps = deps;
  }

  register(server: Server): void {
    registerBidi(server, AgentService.method.connect, (call) => void this.#connect(call));
    registerBidi(server, AgentService.method.heartbeat, (call) => void this.#heartbeat(call));
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** The node begins another life: its agents are here again. */
  announceAll(): void {
    for (const stream of this.#streams) stream.announce();
  }

  /** Takes nobody new, asks everybody to go elsewhere, and settles when they have gone or after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    for (const stream of this.#streams) stream.move(Math.min(this.#deps.limits.moveWindowMs, withinMs));
    await this.#noneWithin(withinMs);
  }

  /** Ends every stream. Settles when the sessions know, or after the time that they have for it. */
  async stop(): Promise<void> {
    this.#draining = true;
    for (const stream of this.#streams) {
      stream.hurry();
      stream.close(new PerdureError("draining", "the node stops: connect again"));
    }
    await this.#noneWithin(this.#deps.limits.lossWrittenMs);
  }

  async #connect(call: Call): Promise<void> {
    // A call that breaks says so here as well; unheard, it would end the process.
    call.on("error", (error) => this.#deps.logger.debug({ err: error }, "an agent's call broke"));
    const broken = Promise.withResolvers<void>();
    call.on("cancelled", () => broken.resolve());
    try {
      const grant = await this.#admit(call);
      if (call.cancelled) return;
      this.#open(call, grant, broken.promise);
    } catch (error) {
      endCall(call, refusalOf(error));
    }
  }

  async #admit(call: Call): Promise<Grant> {
    const { limits, verifier } = this.#deps;
    if (this.#draining) throw new PerdureError("draining", "the node is about to stop: connect to another");
    if (this.#calls >= limits.streams) throw new PerdureError("overloaded", "the node has as many streams as it may");
    this.#calls += 1;
    try {
      const grant = await verifier.verify(bearerOf(call.metadata));
      if (grant.role !== "ROLE_AGENT")
        throw new PerdureError("forbidden", "only a token of role agent may connect here");
      return grant;
    } catch (error) {
      this.#calls -= 1;
      throw error;
    }
  }

  #open(call: Call, grant: Grant, broken: Promise<void>): void {
    const { limits } = this.#deps;
    const outgoing = new Outgoing(call, limits.maxOutgoingBytes, () =>
      stream.close(new PerdureError("slow_consumer", "the stream was not read: connect again and resume")),
    );
    const streamCall: StreamCall = {
      pause: () => call.pause(),
      resume: () => call.resume(),
      end: (error) => endCall(call, error),
    };
    const stream: AgentStream = new AgentStream({
      deps: this.#deps,
      grant,
      call: streamCall,
      outgoing,
      attachment: randomUUID(),
      onHello: () => this.#named(stream),
      onGone: () => this.#gone(stream),
    });
    this.#streams.add(stream);
    this.#deps.metrics.streams(this.#streams.size);
    call.on("data", (bytes: Buffer) => stream.receive(bytes));
    // A reset of the stream shows as its end first. Who leaves in good order says so.
    call.on("end", () => void stream.broken());
    void broken.then(() => stream.broken());
  }

  #named(stream: AgentStream): void {
    const key = keyOf(stream);
    const former = this.#byInstance.get(key);
    this.#byInstance.set(key, stream);
    former?.close(new PerdureError("connection_lost", "the same instance has opened another stream"));
  }

  #gone(stream: AgentStream): void {
    this.#calls -= 1;
    this.#streams.delete(stream);
    const key = keyOf(stream);
    if (this.#byInstance.get(key) === stream) this.#byInstance.delete(key);
    this.#deps.metrics.streams(this.#streams.size);
    if (this.#streams.size === 0) this.#whenNone?.();
  }

  async #noneWithin(withinMs: number): Promise<void> {
    if (this.#streams.size === 0) return;
    const none = Promise.withResolvers<void>();
    this.#whenNone = none.resolve;
    const cancel = this.#deps.clock.after(withinMs, none.resolve);
    await none.promise;
    cancel();
  }

  async #heartbeat(call: Call): Promise<void> {
    call.on("error", (error) => this.#deps.logger.debug({ err: error }, "a heartbeat's call broke"));
    try {
      const grant = await this.#deps.verifier.verify(bearerOf(call.metadata));
      const { clock } = this.#deps;
      const cancel = clock.after(Math.min(Math.max(0, grant.expiresMs - clock.now()), 2 ** 31 - 1), () =>
        endCall(call, new PerdureError("token_expired", "the token has ended: connect again with a new one")),
      );
      call.on("cancelled", cancel);
      call.on("end", () => {
        cancel();
        call.end();
      });
      call.on("data", (bytes: Buffer) => this.#beat(call, grant, bytes));
    } catch (error) {
      endCall(call, refusalOf(error));
    }
  }

  #beat(call: Call, { tenant, participant }: Grant, bytes: Buffer): void {
    try {
      const { instance, loopDelayMs } = decode(HeartbeatRequestSchema, bytes);
      const stream = this.#byInstance.get(`${tenant}/${participant}/${instance}`);
      stream?.beat(loopDelayMs);
      const answer = create(HeartbeatResponseSchema, { known: stream !== undefined });
      call.write(asBuffer(toBinary(HeartbeatResponseSchema, answer)));
    } catch (error) {
      endCall(call, refusalOf(error));
    }
  }
}

function keyOf({ agent }: AgentStream): string {
  return agent === undefined ? "" : `${agent.tenant}/${agent.participant}/${agent.instance}`;
}

/** Ends a call; with an error: as a refusal, whose code stands in the trailers. */
function endCall(call: Call, error?: PerdureError): void {
  if (call.cancelled) return;
  if (error === undefined) call.end();
  else call.emit("error", Object.assign(new Error(error.message), statusOf(error)));
}
