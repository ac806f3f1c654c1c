import { turn, WrittenSession } from "../session/written-session.ts";

const tokensPerAnswer = 40;

/** A session with so many messages of history, in which the agent is at work on an answer. */
export function sessionWith(messageCount: number): WrittenSession {
  const session = new WrittenSession();
  session.join();
  for (let messages = 0; messages < messageCount; messages += 2) turn(session, tokensPerAnswer);
  session.ask("And now, what is the weather there?");
  return session;
}
