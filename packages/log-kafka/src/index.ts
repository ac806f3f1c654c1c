export type { GroupTimes, KafkaLogConfig, KafkaStatus } from "./config.ts";
export { openKafkaLog } from "./open.ts";
