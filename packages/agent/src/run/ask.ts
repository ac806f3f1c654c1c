import { fromJsonText, jsonText, PerdureError } from "@perdure/core";
import type {
  AnswerActionJson,
  ChoiceJson,
  EventJson,
  HeadJson,
  RequestKindJson,
  RequestStateJson,
  RoleJson,
} from "@perdure/protocol";
import { type Duration, durationMs } from "./duration.ts";
import type { RunScope } from "./scope.ts";
import type { Steps } from "./steps.ts";

export interface AskOptions {
  readonly title: string;
  readonly text?: string;
  /** Answers to choose from. */
  readonly choices?: readonly (string | { readonly value: string; readonly label: string })[];
  /** JSON Schema of the answer: asks for data. */
  readonly schema?: unknown;
  /** Asks for something to be done there. */
  readonly url?: string;
  /** Without an answer for so long it expires; default: never. */
  readonly expiresIn?: Duration;
  /** Taken as the answer at expiry. */
  readonly default?: unknown;
  /** Default: users and operators. */
  readonly roles?: readonly ("user" | "operator" | "agent" | "service")[];
  /** Names the question across attempts; default: its place among the run's questions. */
  readonly key?: string;
}

export interface Answer {
  /** `expired`: nobody answered in time, `value` is the default. */
  readonly action: "accept" | "decline" | "cancel" | "expired";
  /** The choice or the data. */
  readonly value: unknown;
  /** Participant that answered first; empty where it expired. */
  readonly by: string;
}

const ROLES = {
  user: "ROLE_USER",
  operator: "ROLE_OPERATOR",
  agent: "ROLE_AGENT",
  service: "ROLE_SERVICE",
} as const satisfies Readonly<Record<string, RoleJson>>;

const ACTIONS: Readonly<Record<AnswerActionJson, Answer["action"]>> = {
  ANSWER_ACTION_UNSPECIFIED: "cancel",
  ANSWER_ACTION_ACCEPT: "accept",
  ANSWER_ACTION_DECLINE: "decline",
  ANSWER_ACTION_CANCEL: "cancel",
};

const SCHEMA_BYTES = 16 * 1024;

const isAnswer = (value: unknown): value is Answer =>
  typeof value === "object" && value !== null && "action" in value && "by" in value;

/**
 * Asks people once per run, whatever the number of attempts, and waits for the first answer. Throws PerdureError with
 * what refused the question, `request_closed` where it was withdrawn, or why the run has to stop.
 */
export async function ask(scope: RunScope, steps: Steps, options: AskOptions): Promise<Answer> {
  const key = options.key ?? steps.keyOf("ask");
  const answer = await steps.run(key, { label: options.title }, async () => {
    const requestId = await openRequest(scope, `${key}/asked`, options);
    if (decided(find(scope.head(), requestId)) === undefined) await suspend(scope, requestId);
    const request = await scope.seen(decides, (head) => decided(find(head, requestId)));
    await resume(scope);
    return answerOf(request);
  });
  return isAnswer(answer) ? answer : { action: "cancel", value: undefined, by: "" };
}

/** The question's id, as an earlier attempt opened it or as it is opened now, with the step that remembers it. */
async function openRequest(scope: RunScope, key: string, options: AskOptions): Promise<string> {
  const known = scope.step(key);
  if (known?.phase === "STEP_PHASE_DONE") return String(fromJsonText(known.result));
  const { runId } = scope;
  let requestId = "";
  const written = await scope.write((id) => {
    requestId = id(1);
    return [
      { stepStarted: { runId, key, label: options.title } },
      { requestOpened: { runId, ...requestOf(options) } },
      { stepClosed: { stepId: id(0), result: JSON.stringify(requestId) } },
    ];
  });
  await written.applied;
  return requestId;
}

const find = ({ requests = [] }: HeadJson, requestId: string) => requests.find(({ id }) => id === requestId);

async function suspend(scope: RunScope, requestId: string): Promise<void> {
  const { runId } = scope;
  await scope.write(() => [{ runSuspended: { runId, reason: "SUSPEND_REASON_REQUEST", requestId } }]);
}

/** Goes on unless the run does already, or another wait holds it. */
async function resume(scope: RunScope): Promise<void> {
  const { runId } = scope;
  const { suspended } = scope.run();
  if (suspended === "SUSPEND_REASON_REQUEST") await scope.write(() => [{ runResumed: { runId } }]);
}

function requestOf(options: AskOptions) {
  const { title, text = "", url = "", schema, roles = [], expiresIn } = options;
  const choices: ChoiceJson[] = (options.choices ?? []).map((choice) =>
    typeof choice === "string" ? { value: choice, label: choice } : choice,
  );
  return {
    kind: kindOf(options),
    title,
    text,
    choices,
    url,
    schema: schema === undefined ? "" : jsonText("the schema", schema, SCHEMA_BYTES),
    roles: roles.map((role) => ROLES[role]),
    expiresInMs: expiresIn === undefined ? 0 : durationMs(expiresIn),
    defaultPayload: options.default === undefined ? "" : jsonText("the default", options.default, SCHEMA_BYTES),
  };
}

function kindOf(options: AskOptions): RequestKindJson {
  if (options.choices !== undefined) return "REQUEST_KIND_CHOICE";
  return options.url === undefined ? "REQUEST_KIND_FORM" : "REQUEST_KIND_URL";
}

const decides = (event: EventJson): boolean =>
  event.requestAnswered !== undefined || event.requestExpired !== undefined || event.requestWithdrawn !== undefined;

function decided(request: RequestStateJson | undefined): RequestStateJson | undefined {
  return request === undefined || request.phase === "REQUEST_PHASE_OPEN" ? undefined : request;
}

function answerOf(request: RequestStateJson): Answer {
  if (request.phase === "REQUEST_PHASE_WITHDRAWN")
    throw new PerdureError("request_closed", "the question was withdrawn");
  const answered = request.phase === "REQUEST_PHASE_ANSWERED";
  const payload = answered ? request.payload : request.request?.defaultPayload;
  const action = answered ? ACTIONS[request.action ?? "ANSWER_ACTION_UNSPECIFIED"] : "expired";
  return { action, value: fromJsonText(payload), by: request.answeredBy ?? "" };
}
