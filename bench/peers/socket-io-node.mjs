// A node of Socket.IO with its Redis streams adapter, run from the folder that its packages were fetched into.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { url, port, streamName, maxLen, recoveryMs } = JSON.parse(process.argv[2]);
const redis = createClient({ url });
await redis.connect();
const server = createServer();
const io = new Server(server, {
  adapter: createAdapter(redis, { streamName, maxLen }),
  connectionStateRecovery: { maxDisconnectionDuration: recoveryMs },
});
io.on("connection", (socket) => {
  if (!socket.recovered) socket.on("join", (room) => socket.join(room));
});
process.on("message", ({ text }) => io.to("tokens").emit("token", text));
process.on("disconnect", () => process.exit());
server.listen(port, "127.0.0.1", () => process.send({ ready: true }));
