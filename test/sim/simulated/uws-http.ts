// HTTP as uWebSockets.js has it, over simulated wires: one request on each.
import type { Packet, Wire } from "../world/wire.ts";

type Handler = (response: SimResponse, request: SimRequest) => void;

interface Route {
  /** Undefined: any. */
  readonly method: string | undefined;
  /** One that begins with `:` stands for any; `*` at the end for all that may follow. */
  readonly segments: readonly string[];
  readonly handler: Handler;
}

/** As a caller says it, in the fields of a packet. */
interface Said {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What was asked; uWebSockets takes it back when the handler returns. */
class SimRequest {
  readonly #said: Said;
  readonly #parameters: readonly string[];
  isOver = false;

  constructor(said: Said, parameters: readonly string[]) {
    this.#said = said;
    this.#parameters = parameters;
  }

  getHeader(name: string): string {
    return this.#given.headers[name] ?? "";
  }

  getQuery(): string {
    return this.#given.url.split("?")[1] ?? "";
  }

  getParameter(index: number): string | undefined {
    return this.#given.url === "" ? undefined : this.#parameters[index];
  }

  get #given(): Said {
    if (this.isOver) throw new Error("a request is looked at after its handler has returned");
    return this.#said;
  }
}

class SimResponse {
  readonly #wire: Wire;
  readonly #body: string;
  #code = 200;
  #isOpen = true;

  constructor(wire: Wire, body: string) {
    this.#wire = wire;
    this.#body = body;
  }

  onAborted(call: () => void): this {
    const onClosed = (): void => {
      this.#isOpen = false;
      call();
    };
    this.#wire.listener = { onPacket: () => undefined, onClosed };
    return this;
  }

  onData(call: (chunk: ArrayBuffer, isLast: boolean) => void): this {
    call(new TextEncoder().encode(this.#body).buffer, true);
    return this;
  }

  cork(call: () => void): this {
    call();
    return this;
  }

  writeStatus(status: string): this {
    this.#code = Number.parseInt(status, 10);
    return this;
  }

  writeHeader(): this {
    return this;
  }

  end(text = ""): this {
    if (!this.#isOpen) throw new Error("a response is written whose connection is over");
    this.#isOpen = false;
    this.#wire.send({ kind: "response", code: this.#code, text });
    this.#wire.close();
    return this;
  }

  endWithoutBody(): this {
    return this.end();
  }
}

/** The routes of one app, in the order in which they were added. */
export class SimRoutes {
  readonly #routes: Route[] = [];
  readonly #wires = new Set<Wire>();

  add(method: string | undefined, pattern: string, handler: Handler): void {
    this.#routes.push({ method, segments: pattern.split("/"), handler });
  }

  accept(wire: Wire): void {
    for (const known of this.#wires) if (!known.open) this.#wires.delete(known);
    this.#wires.add(wire);
    wire.listener = { onPacket: (packet) => this.#serve(wire, packet), onClosed: () => undefined };
  }

  close(): void {
    for (const wire of this.#wires) wire.close();
  }

  #serve(wire: Wire, { text = "", fields = {} }: Packet): void {
    const { method = "", url = "", ...headers } = fields;
    const path = url.split("?")[0]?.split("/") ?? [];
    const route = this.#routes.find((each) => (each.method ?? method) === method && matches(each.segments, path));
    if (route === undefined) return wire.close();
    const parameters = path.filter((_, at) => route.segments[at]?.startsWith(":"));
    const request = new SimRequest({ method, url, headers, body: text }, parameters);
    route.handler(new SimResponse(wire, text), request);
    request.isOver = true;
  }
}

function matches(segments: readonly string[], path: readonly string[]): boolean {
  if (segments.at(-1) === "*") return segments.slice(0, -1).every((segment, at) => segment === path[at]);
  return (
    segments.length === path.length && segments.every((segment, at) => segment.startsWith(":") || segment === path[at])
  );
}
