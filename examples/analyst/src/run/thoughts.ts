/** What the analyst says to itself: why it looks where it looks. */
import type { Plan } from "../answer/plan.ts";
import type { Found, Library } from "../folder/library.ts";

const INTENTS = {
  overview: "The question asks about the folder as a whole.",
  place: "The question names a place in the folder.",
  tests: "The question asks what the tests state.",
  topic: "The question asks about a topic.",
} as const;

/** Why the plan is what it is. */
export function thoughtOfPlan(plan: Plan, library: Library): string {
  const sentences: string[] = [INTENTS[plan.intent]];
  if (plan.place !== "") sentences.push(`I keep to ${plan.place}.`);
  if (plan.intent === "overview" || plan.intent === "place") {
    sentences.push("Manifests, opening comments and definitions say most about that, so I read the outline.");
  } else {
    const standing = plan.terms.map((term, index) => ({
      word: plan.words[index] ?? term,
      times: library.passagesWith(term),
    }));
    const rarest = standing.toSorted((a, b) => a.times - b.times).slice(0, 5);
    const counts = rarest.map(({ word, times }) => `“${word}” in ${times}`);
    sentences.push(
      `Of ${library.passageCount.toLocaleString("en")} passages, its words stand in some: ${counts.join(", ")}.`,
    );
    const [first] = rarest.filter(({ times }) => times > 0);
    if (counts.length > 1 && first !== undefined)
      sentences.push(`What few passages hold tells most, so “${first.word}” weighs most.`);
  }
  if (plan.withoutTests) sentences.push("Tests are left out, as asked.");
  if (plan.brief) sentences.push("The answer is to be short.");
  return sentences.join(" ");
}

/** What the search came to. */
export function thoughtOfResults(found: readonly Found[], library: Library): string {
  const [best] = found;
  if (best === undefined) return "No passage fits. I look for names that come close.";
  const paths = [...new Set(found.map(({ passage }) => passage.path))];
  const kinds = Map.groupBy(paths, (path) => library.file(path)?.kind ?? "data");
  const counts = [...kinds].map(([kind, files]) => `${files.length} of ${kind}`);
  const heading = best.passage.headings.at(-1);
  const where = heading === undefined ? "" : `, under “${heading}”`;
  return (
    `${found.length} passages in ${paths.length} files fit: ${counts.join(", ")}. ` +
    `The best one is ${best.passage.path} at line ${best.passage.first}${where}. ` +
    `I take the sentences that cover most of the question, then look up what they name.`
  );
}
