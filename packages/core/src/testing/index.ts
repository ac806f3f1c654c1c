export { NEXT_RULE_BOOK } from "./next-rules.ts";
