// A client in a process of its own, which a test can stop and let go on: `node reader-process.ts URL TOKEN SESSION`.
// Prints a line for each status, and for each seq with the length of the last message.
import { createClient } from "@perdure/client";

const [url = "", token = "", id = ""] = process.argv.slice(2);
const session = createClient({ url, getToken: () => token }).session(id);
session.on("status", ({ state }) => console.log(`status ${state}`));
session.select(
  ({ seq, messages }) => `seq ${seq} length ${messages.at(-1)?.text.length ?? 0}`,
  (line) => console.log(line),
);
