import { connect, type Socket } from "node:net";

/** A connection to the first of these ports on loopback that takes one. */
export async function connectToFirst(ports: readonly number[]): Promise<Socket | undefined> {
  for (const port of ports) {
    const socket = await connected(port);
    if (socket !== undefined) return socket;
  }
  return undefined;
}

function connected(port: number): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  const socket = connect(port, "127.0.0.1");
  socket.once("connect", () => resolve(socket));
  socket.on("error", () => {
    socket.destroy();
    resolve(undefined);
  });
  return promise;
}
