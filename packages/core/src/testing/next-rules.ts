import { RULE_BOOK, type RuleBook, type Rules } from "../index.ts";

const { judges, appliers } = RULE_BOOK.at(-1) ?? { judges: {}, appliers: {} };

/** Rules that nobody follows yet: under them a session always has a title, and no spaces stand around it. */
const next: Rules = {
  judges: {
    ...judges,
    sessionUpdated: {
      forAll: true,
      judge: (state, body, context) =>
        body.title?.trim() === "" ? "invalid_event" : judges.sessionUpdated?.judge(state, body, context),
    },
  },
  appliers: {
    ...appliers,
    sessionUpdated: (state, { title, ...body }, context) => {
      const trimmed = title === undefined ? body : { ...body, title: title.trim() };
      appliers.sessionUpdated?.(state, trimmed, context);
    },
  },
};

/** What code of the next version knows. */
export const NEXT_RULE_BOOK: RuleBook = [...RULE_BOOK, next];
