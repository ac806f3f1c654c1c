// Bare uWebSockets: sockets that subscribe to a topic when they open, and frames that are published to them.
import { App, DISABLED, us_socket_local_port } from "uWebSockets.js";
import { pace } from "../latency/pacer.ts";
import type { FromBare, ToBare } from "./bare-messages.ts";

const say = (message: FromBare): void => void process.send?.(message);
const app = App();
let sessions = 1;
let opened = 0;

app.ws<object>("/", {
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
  open: (ws) => void ws.subscribe(`${opened++ % sessions}/all`),
});
app.listen("127.0.0.1", 0, (socket) => {
  if (socket === false) throw new Error("there is no port to listen on");
  say({ t: "listening", port: us_socket_local_port(socket) });
});

/** As an edge publishes a token. */
async function publish({ perSecond, durationMs }: Extract<ToBare, { t: "publish" }>): Promise<void> {
  await pace(perSecond, durationMs, (index) => {
    const session = index % sessions;
    app.publish(`${session}/all`, JSON.stringify(["a", session, 1_000 + index, 7, index * 6, "word5 "]));
  });
  say({ t: "done" });
}

process.on("message", (message: ToBare) => {
  if (message.t === "publish") void publish(message);
  else {
    sessions = message.count;
    opened = 0;
    say({ t: "done" });
  }
});
process.on("disconnect", () => process.exit());
