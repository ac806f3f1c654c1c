/**
 * Flags of Node with which services are started. V8 stops a process while it copies what lives in the young generation:
 * in the size that this grows to by itself (32 MiB a half in Node 24) for 5 ms about once a second under 1,000 tokens a
 * second, and whoever is being streamed to waits for it. Small, it is collected more often, each time for much less.
 * V8's helper threads, for which the main one waits at each collection, find no core free on a busy small machine; a
 * service's heap is small enough to do without them. docs/performance.md has both, measured.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=2", "--single-threaded-gc"];
