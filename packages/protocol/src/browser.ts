/** What runs in a browser: frames, names and types, without the protobuf runtime. */
export * from "./errors.ts";
export * from "./frames.ts";
export * from "./keys.ts";
export * from "./server-frames.ts";
