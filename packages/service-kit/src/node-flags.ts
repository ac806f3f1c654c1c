/**
 * Flags of Node with which services are started; docs/performance.md has each measured.
 *
 * - V8's helper threads, for which the main one waits at each collection, find no core free on a busy small machine; a
 *   service's heap is small enough to do without them.
 * - Without them the young generation may be as large as V8 makes it by default and is collected a few times a second
 *   for 1 to 4 ms: a smaller one lets what is on its way grow old.
 * - Where V8 finds that what a place in the code makes lives long, as at a start, it makes it old from then on. What a
 *   token is decoded into is not, and drags along all that it refers to.
 * - The old generation may become twice what lived at its last marking, for which everything stands still by and by
 *   for 100 ms: V8 itself marks as soon as it is half as much again.
 */
export const NODE_FLAGS: readonly string[] = [
  "--max-semi-space-size=16",
  "--single-threaded-gc",
  "--no-allocation-site-pretenuring",
  "--heap-growing-percent=100",
];
