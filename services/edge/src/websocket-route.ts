import { DISABLED, type HttpRequest, type TemplatedApp, type WebSocket } from "uWebSockets.js";
import { type GateConfig, isAllowedHost, isAllowedOrigin } from "./gate.ts";
import type { EdgeLimits } from "./limits.ts";
import { Socket, type SocketData, type SocketReceiver } from "./socket.ts";

/** What a socket that ended without a close frame reports (RFC 6455, 7.1.5). */
const ABNORMAL_CLOSE = 1006;
const PATH = "/v1/connect";
/** uWebSockets' own patience with a silent socket. Longer than ours: it matters only for one that was told to end. */
const NATIVE_IDLE_S = 60;
/** Frames up to this many times the limit are answered with a code, longer ones are cut off by uWebSockets. */
const ANSWERED_TIMES = 4;

export interface WebSocketRouteOptions {
  readonly gate: GateConfig;
  readonly limits: EdgeLimits;
  /** A socket is open. */
  readonly onOpen: (socket: Socket, originAllowed: boolean) => SocketReceiver;
}

/** The WebSocket route. A page of a foreign origin is let in to be told so: browsers show pages no failed upgrade. */
export function routeWebSocket(app: TemplatedApp, options: WebSocketRouteOptions): void {
  const { gate, limits, onOpen } = options;
  app.ws<SocketData>(PATH, {
    maxPayloadLength: limits.maxFrameBytes * ANSWERED_TIMES,
    // Unlimited: a frame that uWebSockets dropped would be a gap. The caps are kept above it.
    maxBackpressure: 0,
    idleTimeout: NATIVE_IDLE_S,
    sendPingsAutomatically: false,
    compression: DISABLED,
    upgrade(response, request, context) {
      if (!isAllowedHost(gate, request.getHeader("host"))) {
        response.writeStatus("403 Forbidden").end("this name does not belong to perdure");
        return;
      }
      const originAllowed = isAllowedOrigin(gate, request.getHeader("origin"));
      const data: SocketData = { originAllowed, socket: undefined, receiver: undefined };
      response.upgrade(data, ...webSocketHeaders(request), context);
    },
    open(ws) {
      const data = ws.getUserData();
      data.socket = new Socket(ws, limits);
      data.receiver = onOpen(data.socket, data.originAllowed);
      // Closed at once: the event came before there was anybody to tell.
      if (!data.socket.open) data.receiver.onClose(ABNORMAL_CLOSE);
    },
    message(ws, message, isBinary) {
      const { receiver } = ws.getUserData();
      if (message.byteLength > limits.maxFrameBytes) receiver?.onTooLarge();
      else if (isBinary) receiver?.onBinary();
      else receiver?.onText(Buffer.from(message).toString("utf8"));
    },
    ping: (ws) => heard(ws),
    pong: (ws) => heard(ws),
    drain: (ws) => ws.getUserData().receiver?.onDrain(),
    close(ws, code) {
      const data = ws.getUserData();
      data.socket?.ended();
      data.receiver?.onClose(code);
    },
  });
}

const heard = (ws: WebSocket<SocketData>): void => ws.getUserData().receiver?.onHeard();

const webSocketHeaders = (request: HttpRequest): [key: string, protocol: string, extensions: string] => [
  request.getHeader("sec-websocket-key"),
  request.getHeader("sec-websocket-protocol"),
  request.getHeader("sec-websocket-extensions"),
];
