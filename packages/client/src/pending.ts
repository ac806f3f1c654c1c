/** What is on its way to the session, shown as if it were there. */
import type { EventJson, MessageOpenedJson, PartSpecJson, RunRequestedJson } from "@perdure/protocol";
import type { Versioned } from "./versions.ts";
import type { MessageView, PartView, RunView } from "./view.ts";
import { specView, textOf } from "./view-items.ts";
import { word } from "./words.ts";

/** A record without a verdict. */
export interface PendingRecord {
  readonly producer: string;
  readonly number: number;
  readonly events: readonly EventJson[];
}

export interface PendingMessage extends Versioned {
  readonly view: MessageView;
}

export interface PendingItems {
  readonly messages: readonly PendingMessage[];
  readonly runs: readonly RunView[];
}

/** Who writes, for the views of what is not there yet. */
export interface Writer {
  readonly participant: string;
  readonly nowMs: number;
}

/** The messages and runs that a record begins. Their ids are the ones that they will have. */
export function pendingItems({ producer, number, events }: PendingRecord, writer: Writer): PendingItems {
  const messages: PendingMessage[] = [];
  const runs: RunView[] = [];
  for (const [index, { messageOpened, runRequested }] of events.entries()) {
    const id = `${producer}:${number}:${index}`;
    if (messageOpened !== undefined)
      messages.push(pendingMessage(id, messageOpened, partsOf(id, events, `${producer}:${number}`), writer));
    if (runRequested !== undefined) runs.push(pendingRun(id, runRequested, writer));
  }
  return { messages, runs };
}

function partsOf(messageId: string, events: readonly EventJson[], record: string): PartView[] {
  return events.flatMap(({ partOpened }, index) =>
    partOpened?.messageId === messageId ? [pendingPart(`${record}:${index}`, partOpened.part)] : [],
  );
}

const pendingPart = (id: string, spec: PartSpecJson = {}): PartView => ({
  ...specView(spec),
  id,
  text: spec.text ?? "",
  done: true,
  annotations: [],
});

function pendingMessage(
  id: string,
  body: MessageOpenedJson,
  parts: readonly PartView[],
  writer: Writer,
): PendingMessage {
  const { parentId = "", editOf = "", regenerates = "" } = body;
  const view: MessageView = {
    id,
    role: word("MESSAGE_ROLE", body.role),
    author: writer.participant,
    status: "pending",
    finish: "unknown",
    text: textOf(parts),
    parts,
    parentId,
    runId: body.runId ?? "",
    stepId: body.stepId ?? "",
    versions: [id],
    timeMs: writer.nowMs,
    metadata: body.metadata ?? "",
  };
  return { id, parentId, editOf, regenerates, view };
}

function pendingRun(id: string, { agent = "", inputMessageId = "" }: RunRequestedJson, writer: Writer): RunView {
  return {
    id,
    phase: "requested",
    agent,
    inputMessageId,
    requestedBy: writer.participant,
    attempts: 0,
    instance: "",
    suspended: "unknown",
    steps: [],
    progress: undefined,
    result: "",
    code: "",
    message: "",
    requestedMs: writer.nowMs,
    acceptedMs: 0,
    endedMs: 0,
  };
}
