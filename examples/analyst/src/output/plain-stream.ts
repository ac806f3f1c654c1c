/**
 * The same output as a plain server-sent-event stream, `GET /plain?session=ID`, as a typical application has it: tokens
 * go to whoever listens as they are made, and nothing is kept.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";

export interface PlainStream {
  readonly port: number;
  begin(session: string, run: string): void;
  text(session: string, run: string, text: string): void;
  end(session: string, run: string): void;
  close(): Promise<void>;
}

// A listener that does not read is cut off, so that it costs no more memory than this.
const MAX_BUFFERED_BYTES = 1024 * 1024;
const BEAT_MS = 15_000;

/** Listens on loopback; port 0 takes any free one. */
export async function openPlainStream(port: number): Promise<PlainStream> {
  const listeners = new Map<string, Set<ServerResponse>>();
  const server = createServer((request, response) => listen(listeners, request, response));
  const beat = setInterval(() => {
    for (const response of [...listeners.values()].flatMap((set) => [...set])) send(response, ":\n\n");
  }, BEAT_MS);
  const tell = (session: string, event: string, data: object): void => {
    for (const response of listeners.get(session) ?? []) {
      send(response, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  };
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject).listen(port, "127.0.0.1", listening.resolve);
  await listening.promise;
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    begin: (session, run) => tell(session, "begin", { run }),
    text: (session, run, text) => tell(session, "text", { run, text }),
    end: (session, run) => tell(session, "end", { run }),
    close: async () => {
      clearInterval(beat);
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      await promise;
    },
  };
}

function listen(listeners: Map<string, Set<ServerResponse>>, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://loopback");
  const session = url.searchParams.get("session");
  if (request.method !== "GET" || url.pathname !== "/plain" || session === null) {
    response.writeHead(404, { "content-type": "text/plain" }).end("GET /plain?session=ID\n");
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(":\n\n");
  const set = listeners.get(session) ?? new Set();
  listeners.set(session, set.add(response));
  response.on("close", () => {
    set.delete(response);
    if (set.size === 0) listeners.delete(session);
  });
}

function send(response: ServerResponse, text: string): void {
  if (!response.write(text) && response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
}
