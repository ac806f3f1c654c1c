export { NEXT_RULE_BOOK } from "./next-rules.ts";
export { choices, effort, limits } from "./properties.ts";
export { randomStory } from "./random/session.ts";
export { openText, storyAtWork } from "./story.ts";
