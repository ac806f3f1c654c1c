import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Registry } from "prom-client";

/** Whether the process should get new work; `reason` says, for people, why not. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface StatusServerOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly registry: Registry;
  /** Asked at every /readyz; must answer from what the process knows already. */
  readonly readiness: () => Readiness;
}

export interface StatusServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

/**
 * Serves /livez (the process answers; nothing else is asked, so that a log that is away restarts nobody), /readyz and
 * /metrics on a port of its own. Rejects where the port is in use.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const server = createServer((request, response) => {
    answer(request, options).then(
      (found) => send(response, found),
      (error: unknown) => send(response, { status: 500, body: error instanceof Error ? error.message : "failed" }),
    );
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async close() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}

async function answer(request: IncomingMessage, options: StatusServerOptions): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, body: "use GET" };
  switch (request.url?.split("?")[0]) {
    case "/livez":
      return { status: 200, body: "alive" };
    case "/readyz": {
      const readiness = options.readiness();
      return readiness.ready ? { status: 200, body: "ready" } : { status: 503, body: readiness.reason };
    }
    case "/metrics":
      return { status: 200, contentType: options.registry.contentType, body: await options.registry.metrics() };
    default:
      return { status: 404, body: "there are /livez, /readyz and /metrics" };
  }
}

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, { "content-type": contentType ?? "text/plain; charset=utf-8" }).end(`${body}\n`);
}
