import { App, DISABLED, type TemplatedApp, us_socket_local_port } from "uWebSockets.js";

/** Bare uWebSockets: a server whose sockets do nothing but subscribe, when they open, to a topic. */
export function bareSockets(nextTopic: () => string): TemplatedApp {
  return App().ws<object>("/", {
    compression: DISABLED,
    idleTimeout: 60,
    upgrade: (response, request, context) =>
      response.upgrade(
        {},
        request.getHeader("sec-websocket-key"),
        request.getHeader("sec-websocket-protocol"),
        request.getHeader("sec-websocket-extensions"),
        context,
      ),
    open: (ws) => void ws.subscribe(nextTopic()),
  });
}

/** Lets it listen on loopback; `onPort` hears where. */
export function listen(app: TemplatedApp, onPort: (port: number) => void): void {
  app.listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("there is no port to listen on");
    onPort(us_socket_local_port(socket));
  });
}
