// What every device sees, compared with what the agents must have written and who is there.
import type { AgentPresence, MessageView, RunView } from "@perdure/client";
import { answerTo } from "./answer.ts";
import type { Device, Room } from "./room.ts";

/** Whatever is not as it has to be; nothing, where all is well. `agentsLeft`: they have all said goodbye. */
export async function complaintsOf(room: Room, agentsLeft: boolean): Promise<string[]> {
  const complaints = await Promise.all(room.clients.map((device) => complaintsAt(device, room, agentsLeft)));
  return complaints.flat();
}

async function complaintsAt(device: Device, room: Room, agentsLeft: boolean): Promise<string[]> {
  const { view, status } = device.session;
  const complaints: string[] = [];
  const expect = (what: string, seen: unknown, expected: unknown): void => {
    const [one, other] = [JSON.stringify(seen), JSON.stringify(expected)];
    if (one !== other) complaints.push(`${device.name}: ${what} ${short(one)} instead of ${short(other)}`);
  };
  expect("its state is", status.state, "live");
  const { messages, runs } = await everything(device);
  const questions = messages.filter(({ role }) => role === "user").map(({ text }) => text);
  expect(
    "the questions are",
    questions,
    room.asked.map(({ text }) => text),
  );
  for (const { text, runId } of room.asked) {
    const answer = messages.filter((message) => message.runId === runId).map((message) => message.text);
    expect(`the answer of ${runId} to "${text}" is`, answer.join(""), answerTo(text));
    expect(`the phase of ${runId} is`, runs.find(({ id }) => id === runId)?.phase, "completed");
  }
  const here = view.members.map((member) => member.device).toSorted();
  expect("those here are", here, room.clients.map(({ name }) => name).toSorted());
  const wrong = view.agents.filter(({ presence }) => !(agentsLeft ? GONE : KNOWN).has(presence));
  const shown = wrong.map(({ instance, presence }) => `${instance} ${presence}`);
  expect(`agents that are neither ${agentsLeft ? "" : "here nor "}gone are`, shown, []);
  return complaints;
}

/** What is shown, and all of the past before it. */
async function everything({
  session,
}: Device): Promise<{ messages: readonly MessageView[]; runs: readonly RunView[] }> {
  const messages: MessageView[] = [];
  const runs: RunView[] = [];
  for await (const page of session.history()) {
    messages.unshift(...page.messages);
    runs.unshift(...page.runs);
  }
  return { messages: [...messages, ...session.view.messages], runs: [...runs, ...session.view.runs] };
}

const GONE: ReadonlySet<string> = new Set<AgentPresence>(["left", "crashed"]);
const KNOWN: ReadonlySet<string> = new Set<AgentPresence>(["here", "left", "crashed"]);
const SHOWN = 300;
const short = (text = "nothing"): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length})` : text);
