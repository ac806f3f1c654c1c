export { alteredLog } from "./altered-log.ts";
export { GatedTail } from "./gated-tail.ts";
export { HeadWriter } from "./head-writer.ts";
export { ManualClock } from "./manual-clock.ts";
export { ManySessions, OneSession } from "./one-session.ts";
export { SampleWriter } from "./sample-writer.ts";
export { canonicalText, TestLog, until } from "./test-log.ts";
export { TestLogger } from "./test-logger.ts";
