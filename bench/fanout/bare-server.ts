// Bare uWebSockets: sockets that subscribe to a topic when they open, and frames that are published to them.
import { bareSockets, listen } from "../stand/bare-sockets.ts";
import { pace } from "../latency/pacer.ts";
import type { FromBare, ToBare } from "./bare-messages.ts";

const say = (message: FromBare): void => void process.send?.(message);
let sessions = 1;
let opened = 0;
const app = bareSockets(() => `${opened++ % sessions}/all`);
listen(app, (port) => say({ t: "listening", port }));

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
