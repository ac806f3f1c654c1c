import { type Appliers, appliers } from "./apply/table.ts";
import { PerdureError } from "./errors.ts";
import { type Judges, judges } from "./judge/table.ts";

/** The rules of one version: how each kind of event is judged and applied. A kind that it does not have is not known. */
export interface Rules {
  readonly judges: Partial<Judges>;
  readonly appliers: Partial<Appliers>;
}

/** The rules by version: the first is version 1. A version stays for as long as a session may follow it. */
export type RuleBook = readonly Rules[];

/** All versions that this code judges by. */
export const RULE_BOOK: RuleBook = [{ judges, appliers }];

/** Throws `rules_too_new` where the book does not have the version. */
export function rulesOf(book: RuleBook, version: number): Rules {
  const rules = book[version - 1];
  if (rules !== undefined) return rules;
  throw new PerdureError("rules_too_new", `The session follows rules ${version}, this node knows ${book.length}.`);
}
