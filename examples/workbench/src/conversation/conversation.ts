/** A session as a conversation: what people asked, and what each run did about it. */
import type { AgentView, ControlView, MessageView, PartView, RunView, SessionView, StepView } from "@perdure/client";

export interface Question {
  readonly kind: "question";
  readonly id: string;
  readonly author: string;
  readonly text: string;
  /** On its way to the session. */
  readonly pending: boolean;
}

/** What a run says and does, in order. */
export interface Answer {
  readonly kind: "answer";
  readonly id: string;
  readonly run: RunView;
  readonly steps: readonly Step[];
  /** Text and sources of all its messages. */
  readonly passages: readonly Passage[];
  readonly steers: readonly ControlView[];
  readonly active: boolean;
}

export interface Step {
  readonly id: string;
  readonly label: string;
  readonly phase: StepView["phase"];
  readonly startedMs: number;
  /** Undefined: it goes on. */
  readonly durationMs: number | undefined;
  readonly error: string;
  /** Thinking and tool calls. */
  readonly notes: readonly Note[];
}

export interface Note {
  readonly id: string;
  readonly kind: "thinking" | "call" | "result";
  readonly name: string;
  readonly text: string;
}

export interface Passage {
  readonly id: string;
  readonly text: string;
  /** Mark in the text -> source. */
  readonly citations: ReadonlyMap<string, Source>;
}

export interface Source {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export type Turn = Question | Answer;

const ENDED: ReadonlySet<RunView["phase"]> = new Set(["completed", "failed", "cancelled"]);

/** The turns of a session: each question, and after it the runs that answer it. */
export function conversationOf({
  messages,
  runs,
  controls,
}: Pick<SessionView, "messages" | "runs" | "controls">): Turn[] {
  const known = new Set(runs.map(({ id }) => id));
  const places = new Map(messages.map(({ id }, index) => [id, index]));
  // What a steer says stands with the run that it steers.
  const said = new Set(controls.filter(({ runId }) => known.has(runId)).map(({ messageId }) => messageId));
  const questions = messages
    .filter(({ id, runId }) => !known.has(runId) && !said.has(id))
    .map((message) => ({ at: places.get(message.id) ?? 0, turn: questionOf(message) }));
  const answers = runs.map((run) => {
    const own = messages.filter(({ runId }) => runId === run.id);
    const first = own[0] === undefined ? messages.length : (places.get(own[0].id) ?? 0);
    const input = places.get(run.inputMessageId);
    const steers = controls.filter(({ runId, kind }) => runId === run.id && kind === "steer");
    return { at: input === undefined ? first : input + 0.5, turn: answerOf(run, own, steers) };
  });
  return [...questions, ...answers].toSorted((a, b) => a.at - b.at).map(({ turn }) => turn);
}

/** The run that people can still say something to. */
export const activeRun = (runs: readonly RunView[]): RunView | undefined =>
  runs.findLast(({ phase }) => !ENDED.has(phase));

/** The text that a run shows, as the counter compares it. */
export const shownText = ({ passages }: Answer): string => passages.map(({ text }) => text).join("");

/** Of each agent the process that is here, else the one that was here last. */
export function agentsOf(agents: readonly AgentView[]): AgentView[] {
  const byName = Map.groupBy(agents, ({ agent }) => agent);
  return [...byName.values()].flatMap((all) => {
    const here = all.findLast(({ presence }) => presence === "here" || presence === "busy");
    return here ?? all.at(-1) ?? [];
  });
}

function questionOf({ id, author, text, status }: MessageView): Question {
  return { kind: "question", id, author, text, pending: status === "pending" };
}

function answerOf(run: RunView, messages: readonly MessageView[], steers: readonly ControlView[]): Answer {
  const steps = run.steps.filter(({ phase }) => phase !== "superseded");
  return {
    kind: "answer",
    id: run.id,
    run,
    steps: steps.map((step) =>
      stepOf(
        step,
        messages.filter(({ stepId }) => stepId === step.id),
      ),
    ),
    passages: messages.flatMap(passagesOf),
    steers,
    active: !ENDED.has(run.phase),
  };
}

function stepOf(step: StepView, messages: readonly MessageView[]): Step {
  const { id, key, label, phase, startedMs, endedMs, error } = step;
  return {
    id,
    label: label === "" ? key : label,
    phase,
    startedMs,
    durationMs: endedMs === 0 ? undefined : Math.max(0, endedMs - startedMs),
    error,
    notes: messages.flatMap(({ parts }) => parts.flatMap(noteOf)),
  };
}

function noteOf({ id, kind, name, text }: PartView): Note[] {
  if (kind === "reasoning") return [{ id, kind: "thinking", name, text }];
  if (kind === "tool_call") return [{ id, kind: "call", name, text }];
  return kind === "tool_result" ? [{ id, kind: "result", name, text }] : [];
}

function passagesOf({ parts }: MessageView): Passage[] {
  const sources = new Map(
    parts.filter(({ kind }) => kind === "source").map(({ id, name, text }) => [id, { id, title: name, text }]),
  );
  return parts
    .filter(({ kind }) => kind === "text")
    .map(({ id, text, annotations }) => {
      const citations = new Map<string, Source>();
      for (const { kind, start = 0, end = 0, targetPartId = "" } of annotations) {
        const source = sources.get(targetPartId);
        if (kind === "citation" && source !== undefined) citations.set(text.slice(start, end), source);
      }
      return { id, text, citations };
    });
}
