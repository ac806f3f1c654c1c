// The exchanges of docs/protocol.md: fenced blocks of kind `transcript`, a step on each line. test/conformance/README.md
// says what the steps mean.
import { readFileSync } from "node:fs";

export type Step =
  | { readonly kind: "open"; readonly peer: string; readonly origin: string | undefined }
  | { readonly kind: "attach" | "create" | "join"; readonly peer: string; readonly session: string }
  | { readonly kind: "send"; readonly peer: string; readonly frame: unknown }
  | { readonly kind: "say"; readonly peer: string; readonly events: unknown }
  | { readonly kind: "sendText" | "sendBinary"; readonly peer: string; readonly text: string }
  | { readonly kind: "expect"; readonly peer: string; readonly frame: unknown }
  | { readonly kind: "expectClosed"; readonly peer: string; readonly code: number; readonly reason: string }
  | { readonly kind: "stall"; readonly peer: string; readonly stalled: boolean }
  | { readonly kind: "write"; readonly peer: string; readonly count: number; readonly length: number }
  | { readonly kind: "close"; readonly peer: string; readonly code: number }
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown }
  | { readonly kind: "server"; readonly does: ServerDeed };

export interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Whose token it carries. */
  readonly holder: string;
  readonly body: unknown;
}

/** What only whoever runs the server can make it do, as the page says it. */
const DEEDS = ["drains", "forgets", "has room for one", "waits 1 s for slow clients", "cannot judge tokens"] as const;
export type ServerDeed = (typeof DEEDS)[number];

export interface Transcript {
  readonly name: string;
  readonly steps: readonly (Step & { readonly line: string })[];
}

/** The transcripts of docs/protocol.md. */
export const readTranscripts = (): Transcript[] =>
  transcriptsIn(readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8"));

/** The transcripts of a document, in order. Throws where a line is no step. */
function transcriptsIn(markdown: string): Transcript[] {
  return [...markdown.matchAll(/^```transcript (.+)\n([^]*?)^```$/gm)].map(([, name = "", text = ""]) => ({
    name,
    steps: text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => ({ line, ...stepOf(line) })),
  }));
}

function stepOf(line: string): Step {
  for (const [pattern, read] of grammar) {
    const match = pattern.exec(line);
    if (match !== null) return read(match.slice(1));
  }
  throw new Error(`no step of a transcript: ${line}`);
}

type Reader = (words: readonly string[]) => Step;

const grammar: readonly (readonly [pattern: RegExp, read: Reader])[] = [
  [/^(\w+) opens(?: on a page of (\S+))?$/, ([peer = "", origin]) => ({ kind: "open", peer, origin })],
  [/^(\w+) attaches (<\w+>)$/, ([peer = "", session = ""]) => ({ kind: "attach", peer, session })],
  [/^(\w+) creates (<\w+>)$/, ([peer = "", session = ""]) => ({ kind: "create", peer, session })],
  [/^agent (\w+) joins (<\w+>)$/, ([peer = "", session = ""]) => ({ kind: "join", peer, session })],
  [/^agent (\w+) writes (.+)$/, ([peer = "", json = ""]) => ({ kind: "say", peer, events: JSON.parse(json) })],
  [/^(\w+) > text (.*)$/, ([peer = "", text = ""]) => ({ kind: "sendText", peer, text })],
  [/^(\w+) > binary (\w+)$/, ([peer = "", text = ""]) => ({ kind: "sendBinary", peer, text })],
  [/^(\w+) > (.+)$/, ([peer = "", json = ""]) => ({ kind: "send", peer, frame: JSON.parse(json) })],
  [
    /^(\w+) < closed (\d+) (\w+)$/,
    ([peer = "", code, reason = ""]) => ({ kind: "expectClosed", peer, code: Number(code), reason }),
  ],
  [/^(\w+) < (.+)$/, ([peer = "", json = ""]) => ({ kind: "expect", peer, frame: JSON.parse(json) })],
  [/^(\w+) (stops reading|reads on)$/, ([peer = "", does]) => ({ kind: "stall", peer, stalled: does !== "reads on" })],
  [
    /^(\w+) writes (\d+) messages of (\d+) characters$/,
    ([peer = "", count, length]) => ({ kind: "write", peer, count: Number(count), length: Number(length) }),
  ],
  [/^(\w+) closes (\d+)$/, ([peer = "", code]) => ({ kind: "close", peer, code: Number(code) })],
  [
    /^(GET|POST) (\S+) as (\S+)(?: (.+))?$/,
    ([method, path = "", holder = "", body]) => requestOf(method, path, holder, body),
  ],
  [/^= (\d+) (.+)$/, ([status, json = ""]) => ({ kind: "answer", status: Number(status), body: JSON.parse(json) })],
  [/^server (.+)$/, ([does = ""]) => ({ kind: "server", does: deedOf(does) })],
];

function deedOf(words: string): ServerDeed {
  const deed = DEEDS.find((known) => known === words);
  if (deed === undefined) throw new Error(`nothing that a server is asked for: ${words}`);
  return deed;
}

function requestOf(method: string | undefined, path: string, holder: string, body: string | undefined): Step {
  const request: Request = {
    method: method === "POST" ? "POST" : "GET",
    path,
    holder,
    body: body === undefined ? undefined : JSON.parse(body),
  };
  return { kind: "request", request };
}
