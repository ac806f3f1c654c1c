/** Words of questions and files: split, lowered and stemmed the same way on both sides, so that they meet. */
import { stemmer } from "stemmer";

// Words that say how something is asked, not what about.
const STOP_WORDS = new Set(
  (
    "a about after all also am an and any are as at be been before being both but by can could did do does doing done each " +
    "explain describe find for from get give had has have how i if in into is it its know let like list look may me might " +
    "more most my of on one only or other our out over please say see shall she should show so some such tell than that " +
    "the their them then there these they thing this those through to too two under up us use used uses using very want " +
    "was way we were what when where which while who whom whose why will with would you your work works working happen happens"
  ).split(" "),
);

/** The words of a text: runs of letters and digits, and the parts of camelCase and snake_case names beside the whole. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [run] of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
    const parts = run
      .split(/_+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u)
      .filter((part) => part !== "");
    if (parts.length > 1) words.push(run.replaceAll("_", ""));
    words.push(...parts);
  }
  return words;
}

/** A word as it is indexed: lower case and stemmed (Porter). */
export const indexTerm = (word: string): string => stemmer(word.toLowerCase());

/** The index terms of a text, each once. */
export const termsOf = (text: string): Set<string> => new Set(wordsOf(text).map(indexTerm));

/** The words of a question that say something about its subject, by their index terms; in order, each term once. */
export function questionTerms(question: string): Map<string, string> {
  const telling = wordsOf(question).filter((word) => word.length > 1 && !STOP_WORDS.has(word.toLowerCase()));
  const terms = new Map<string, string>();
  for (const word of telling) if (!terms.has(indexTerm(word))) terms.set(indexTerm(word), word.toLowerCase());
  return terms;
}

/** The sentences of a stretch of prose, white space evened out. */
export function sentencesOf(prose: string): string[] {
  const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });
  const even = prose.replace(/\s+/g, " ").trim();
  return [...segmenter.segment(even)].map(({ segment }) => segment.trim()).filter((sentence) => sentence.length > 0);
}
