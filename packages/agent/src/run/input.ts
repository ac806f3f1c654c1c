import { fromJsonText } from "@perdure/core";
import type { MessageStateJson } from "@perdure/protocol";
import type { RunScope } from "./scope.ts";

/** What a run is asked to do. */
export interface RunInput {
  /** The text of the message to answer; empty: there is none. */
  readonly text: string;
  readonly message: MessageStateJson | undefined;
  /** What the asker sent along, parsed; undefined: nothing. */
  readonly data: unknown;
  /** Tools that the client offers, parsed. */
  readonly tools: unknown;
  /** What the client shows or knows, parsed. */
  readonly context: unknown;
  /** Participant that asks. */
  readonly askedBy: string;
}

export function inputOf(scope: RunScope): RunInput {
  const run = scope.run();
  const message = scope.head().messages?.find(({ id }) => id === run.inputMessageId);
  const texts = (message?.parts ?? []).filter(({ part }) => part?.kind === "PART_KIND_TEXT");
  return {
    text: texts.map(({ part }) => part?.text ?? "").join(""),
    message,
    data: parsed(run.input),
    tools: parsed(run.tools),
    context: parsed(run.context),
    askedBy: run.requestedBy ?? "",
  };
}

// People's apps write it: what is no JSON is taken as the text it is.
function parsed(text: string | undefined): unknown {
  try {
    return fromJsonText(text);
  } catch {
    return text;
  }
}
