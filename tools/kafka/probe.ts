// Whether a Kafka broker answers: an ApiVersions request, the first one of every client.
import { connect } from "node:net";

/** True once the broker at `host:port` answers an ApiVersions request within `limitMs`; never throws. */
export function brokerAnswers(bootstrap: string, limitMs = 2_000): Promise<boolean> {
  const colon = bootstrap.lastIndexOf(":");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: bootstrap.slice(0, colon), port: Number(bootstrap.slice(colon + 1)) });
  const finish = (answer: boolean): void => {
    socket.destroy();
    resolve(answer);
  };
  socket.setTimeout(limitMs, () => finish(false));
  socket.once("error", () => finish(false));
  socket.once("close", () => finish(false));
  socket.once("connect", () => socket.write(apiVersionsRequest));
  socket.once("data", (bytes) => finish(bytes.length >= 8 && bytes.readInt32BE(4) === correlationId));
  return promise;
}

const correlationId = 1;

// Size, then header v1 (API key 18, version 0, correlation id, client id); version 0 has no body.
const apiVersionsRequest = ((): Buffer => {
  const clientId = Buffer.from("perdure-probe");
  const request = Buffer.alloc(14 + clientId.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(18, 4);
  request.writeInt16BE(0, 6);
  request.writeInt32BE(correlationId, 8);
  request.writeInt16BE(clientId.length, 12);
  clientId.copy(request, 14);
  return request;
})();
