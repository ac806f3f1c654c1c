import { type ClientFrame, parseServerFrame, PROTOCOL_VERSION, type ServerFrame } from "@perdure/protocol/frames";

export interface Viewer {
  /** Settles when the agent has begun to write. */
  readonly begun: Promise<void>;
  close(): void;
}

/** A bare WebSocket client of one session: asks the agent for a run, then hands on each text as its frame arrives. */
export async function openViewer(
  url: string,
  token: string,
  session: string,
  agent: string,
  onText: (text: string) => void,
): Promise<Viewer> {
  const socket = new WebSocket(url);
  const begun = Promise.withResolvers<void>();
  const say = (frame: ClientFrame): void => socket.send(JSON.stringify(frame));
  socket.onopen = () => say({ t: "hello", v: PROTOCOL_VERSION, token });
  socket.onerror = () => begun.reject(new Error(`the edge at ${url} cannot be reached`));
  socket.onmessage = ({ data }) => {
    const frame = parseServerFrame(String(data));
    if (frame === undefined) return;
    if ("t" in frame) answer(frame, { session, agent, say, begun, onText });
    else if (frame[0] === "a") onText(frame[5]);
  };
  return { begun: begun.promise, close: () => socket.close() };
}

type ObjectFrame = Exclude<ServerFrame, readonly unknown[]>;

interface Viewing {
  readonly session: string;
  readonly agent: string;
  readonly say: (frame: ClientFrame) => void;
  readonly begun: PromiseWithResolvers<void>;
  readonly onText: (text: string) => void;
}

function answer(frame: ObjectFrame, { session, agent, say, begun, onText }: Viewing): void {
  switch (frame.t) {
    case "welcome":
      return say({ t: "attach", id: 1, session });
    case "attached":
      return say({
        t: "send",
        h: frame.h,
        p: "viewer",
        n: 1,
        born: frame.seq,
        ev: [{ sessionCreated: {} }, { runRequested: { agent } }],
      });
    case "ack":
      if (frame.code !== undefined) begun.reject(new Error(`the run was refused: ${frame.code}`));
      return;
    case "e":
      for (const { stepStarted, partOpened } of frame.ev) {
        if (stepStarted !== undefined) begun.resolve();
        // A message begins with its first token.
        if (partOpened?.part?.text !== undefined) onText(partOpened.part.text);
      }
      return;
    case "error":
      return begun.reject(new Error(`${frame.code}: ${frame.message}`));
    default:
  }
}
