// Whether a Kafka broker answers, and how many others it knows; without a client, so that ./dev needs none.
import { connect } from "node:net";

const apiVersions = { key: 18, version: 0, body: Buffer.alloc(0) };
// Of no topic: what is asked for is the list of brokers, which stands before them.
const metadata = { key: 3, version: 4, body: Buffer.from([0, 0, 0, 0, 0]) };
const correlationId = 1;

/** True once the broker at `host:port` answers an ApiVersions request, the first of every client; never throws. */
export async function brokerAnswers(bootstrap: string, limitMs = 2_000): Promise<boolean> {
  return (await answer(bootstrap, apiVersions, limitMs)) !== undefined;
}

/** How many brokers of its cluster the one at `host:port` would send a client to; 0 where it does not answer. */
export async function brokersKnown(bootstrap: string, limitMs = 2_000): Promise<number> {
  const body = await answer(bootstrap, metadata, limitMs);
  // Behind the throttle time.
  return body === undefined || body.length < 8 ? 0 : body.readInt32BE(4);
}

interface Request {
  readonly key: number;
  readonly version: number;
  readonly body: Buffer;
}

/** The beginning of what comes back, behind size and correlation id; undefined where nothing fitting does in time. */
function answer(bootstrap: string, request: Request, limitMs: number): Promise<Buffer | undefined> {
  const colon = bootstrap.lastIndexOf(":");
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = connect({ host: bootstrap.slice(0, colon), port: Number(bootstrap.slice(colon + 1)) });
  const finish = (body?: Buffer): void => {
    socket.destroy();
    resolve(body);
  };
  socket.setTimeout(limitMs, () => finish());
  socket.once("error", () => finish());
  socket.once("close", () => finish());
  socket.once("connect", () => socket.write(encoded(request)));
  socket.once("data", (bytes) =>
    finish(bytes.length >= 8 && bytes.readInt32BE(4) === correlationId ? bytes.subarray(8) : undefined),
  );
  return promise;
}

// Size, then header v1: API key, version, correlation id, client id.
function encoded({ key, version, body }: Request): Buffer {
  const clientId = Buffer.from("perdure-probe");
  const head = Buffer.alloc(14);
  head.writeInt32BE(10 + clientId.length + body.length, 0);
  head.writeInt16BE(key, 4);
  head.writeInt16BE(version, 6);
  head.writeInt32BE(correlationId, 8);
  head.writeInt16BE(clientId.length, 12);
  return Buffer.concat([head, clientId, body]);
}
