import { countedAnswer } from "../support/counter.ts";

/** What the counting agent answers to a question, whatever happened to it meanwhile. */
export function answerTo(question: string): string {
  const [first = 0, second = 0] = question.split(" ").map(Number);
  return countedAnswer(first, second);
}
