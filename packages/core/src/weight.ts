import type {
  Control,
  Document,
  Message,
  Part,
  Request,
  Run,
  FollowedState,
  Step,
  Takeover,
  Weighed,
} from "./state.ts";
import { touch } from "./undo.ts";

/** What an item weighs beside its texts: about what its numbers, names of fields and short ids take in JSON. */
const itemBytes = {
  message: 256,
  part: 128,
  run: 480,
  step: 128,
  request: 192,
  control: 192,
  document: 256,
  takeover: 384,
  nested: 32,
};

/** Length of a text in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // A surrogate is half of a character of four bytes.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

/** UTF-8 length of all texts in a value, however deep, and something for each list and object. */
export function textBytes(value: unknown): number {
  if (typeof value === "string") return utf8Bytes(value);
  if (typeof value !== "object" || value === null) return 0;
  let bytes = itemBytes.nested;
  for (const inner of Object.values(value)) bytes += textBytes(inner);
  return bytes;
}

export const weighPart = ({ spec, text, annotations }: Pick<Part, "spec" | "text" | "annotations">): number =>
  itemBytes.part + textBytes(spec) + utf8Bytes(text) + textBytes(annotations);

export const weighMessage = (message: Message): number =>
  message.parts.reduce(
    (sum, part) => sum + part.weight,
    itemBytes.message +
      textBytes([message.parentId, message.author, message.to, message.metadata]) +
      textBytes([message.editOf, message.regenerates, message.continues]),
  );

export const weighStep = (step: Omit<Step, "weight" | "run">): number =>
  itemBytes.step + textBytes([step.key, step.label, step.parentStepId, step.result, step.error]);

export const weighRun = (run: Run): number =>
  run.steps.reduce(
    (sum, step) => sum + step.weight,
    itemBytes.run +
      textBytes([run.agent, run.inputMessageId, run.input, run.tools, run.context, run.requestedBy]) +
      textBytes([run.parentRunId, run.parentCallId, run.result, run.code, run.message, run.cause]),
  );

export const weighRequest = (request: Request): number =>
  itemBytes.request + textBytes([request.request, request.payload, request.askedBy, request.answeredBy]);

export const weighControl = (control: Control): number =>
  itemBytes.control + textBytes([control.runId, control.text, control.messageId, control.agent, control.by]);

export const weighTakeover = (takeover: Takeover): number =>
  itemBytes.takeover +
  textBytes([takeover.reason, takeover.summary, takeover.team, takeover.note, takeover.requestedBy, takeover.holder]);

export const weighDocument = ({ name, content, changedBy }: Pick<Document, "name" | "content" | "changedBy">): number =>
  itemBytes.document + textBytes([name, content, changedBy]);

/** Takes note that an item weighs `weight` now. */
export function reweigh(state: FollowedState, item: Weighed, weight: number): void {
  const delta = weight - item.weight;
  touch(state, item).weight = weight;
  if (item.settled) state.settledWeight += delta;
  else state.heldWeight += delta;
}

/** Moves an item between what is held and what may leave for a page. */
export function settle(state: FollowedState, item: Weighed, settled: boolean): void {
  if (item.settled === settled) return;
  touch(state, item).settled = settled;
  state.settledWeight += settled ? item.weight : -item.weight;
  state.heldWeight += settled ? -item.weight : item.weight;
}

/** Takes an item's weight away, because the item goes. */
export function unweigh(state: FollowedState, item: Weighed): void {
  if (item.settled) state.settledWeight -= item.weight;
  else state.heldWeight -= item.weight;
}
