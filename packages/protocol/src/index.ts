export * from "./client-frames.ts";
export * from "./codec.ts";
export * from "./errors.ts";
export type { JsonSchema } from "./frame-rules.ts";
export * from "./frames.ts";
export * from "./keys.ts";
export * from "./publish-codec.ts";
export * from "./schema.ts";
export * from "./server-frames.ts";
