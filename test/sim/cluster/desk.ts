import type { Session } from "../../../packages/client/src/session.ts";
import type { Random } from "../world/random.ts";

/** What a person does beside talking. */
export type Task = "floor" | "human" | "count" | "note" | "budget";

/** A document that is only ever counted up, so that no update of it may be lost. */
export const COUNTER = "counter";
const NOTES = "notes";
const HUMAN_MS = 3_000;

/** `onCounted`: the session has taken one more. Settles when the outcome is known; what refuses it is no fault. */
export async function doTask(session: Session, task: Task, random: Random, onCounted: () => void): Promise<void> {
  switch (task) {
    case "floor": {
      const floor = await session.takeOver();
      await floor.say("let me see");
      return;
    }
    case "human":
      return session.requestTakeover({ reason: "unsure", summary: "in short", expiresInMs: HUMAN_MS });
    case "count":
      await session.document(COUNTER).update((value) => (typeof value === "number" ? value : 0) + 1);
      return onCounted();
    case "note":
      return changeNotes(session, random);
    case "budget":
      return session.setBudget({ limit: 1 + random.below(120), warnAt: 0.5 });
  }
}

function changeNotes(session: Session, random: Random): Promise<void> {
  const notes = session.document(NOTES);
  if (notes.value === undefined || random.chance(0.3)) return notes.replace({ list: [random.below(100)] });
  if (random.chance(0.2)) return notes.remove();
  return notes.patch([{ op: "add", path: "/list/-", value: random.below(100) }]);
}

/** Gives the floor back a while after this person has it, in whatever page that was: `after` calls in this one. */
export function giveFloorBack(
  session: Session,
  random: Random,
  after: (delayMs: number, call: () => void) => void,
): void {
  const hasFloor = (): boolean => session.view.takeover?.self === true;
  const giveBack = async (): Promise<void> => {
    if (!hasFloor()) return;
    const floor = await session.takeOver();
    await (random.chance(0.7) ? floor.handBack({ note: "as agreed" }) : floor.resolve());
  };
  session.select(hasFloor, (has) => {
    if (has) after(random.between(300, 4_000), () => void giveBack().catch(() => undefined));
  });
}
