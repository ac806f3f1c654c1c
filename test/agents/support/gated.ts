import type { Chunk } from "@perdure/agent";

/** A stream of chunks that goes on when the test says so. */
export function gated(): { readonly chunks: AsyncIterable<Chunk>; push(...chunks: Chunk[]): void; end(): void } {
  const queue: Chunk[] = [];
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const signal = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  async function* generate(): AsyncGenerator<Chunk> {
    for (;;) {
      const next = queue.shift();
      if (next !== undefined) yield next;
      else if (ended) return;
      else await wake.promise;
    }
  }
  return {
    chunks: generate(),
    push(...chunks) {
      queue.push(...chunks);
      signal();
    },
    end() {
      ended = true;
      signal();
    },
  };
}
