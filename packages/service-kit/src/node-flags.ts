/**
 * Flags of Node with which services are started. V8's helper threads, for which the main one waits at each collection,
 * find no core free on a busy small machine; a service's heap is small enough to do without them. Without them the
 * young generation may be as large as V8 makes it by default and is collected a few times a second for 1 to 4 ms: a
 * smaller one lets what is on its way grow old, and then the old generation is marked every 2 s for 100 ms.
 * docs/performance.md has both, measured.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=16", "--single-threaded-gc"];
