// Every WebSocket that a test opens in its own process is checked: what a server sends is in docs/protocol.schema.json,
// and what is sent to it is refused by that schema if and only if an edge refuses it.
import { parseClientFrame } from "@perdure/protocol";
import { afterEach } from "vitest";
import { frameJudges } from "./frame-schema.ts";

const violations: string[] = [];
const SHOWN_CHARACTERS = 400;

const violate = (what: string, frame: string): void => {
  violations.push(`${what}: ${frame.slice(0, SHOWN_CHARACTERS)}`);
};

class CheckedSocket extends WebSocket {
  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args);
    this.addEventListener("message", ({ data }) => {
      const wrong = frameJudges().server(String(data));
      if (wrong !== undefined) violate(`a server's frame is not in the schema: ${wrong}`, String(data));
    });
  }

  override send(data: Parameters<WebSocket["send"]>[0]): void {
    if (typeof data === "string") checkSent(data);
    super.send(data);
  }
}

function checkSent(frame: string): void {
  const parsed = parseClientFrame(frame);
  const wrong = frameJudges().client(frame);
  if ("frame" in parsed && wrong !== undefined) violate(`an edge takes what the schema refuses: ${wrong}`, frame);
  if (!("frame" in parsed) && wrong === undefined)
    violate(`an edge refuses what the schema takes: ${parsed.message}`, frame);
}

globalThis.WebSocket = CheckedSocket;

afterEach(() => {
  const found = violations.splice(0);
  if (found.length > 0) throw new Error(`docs/protocol.schema.json and the frames differ:\n${found.join("\n")}`);
});
