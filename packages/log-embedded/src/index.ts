export { openEmbeddedLog } from "./open.ts";
export type { EmbeddedLogOptions } from "./open.ts";
