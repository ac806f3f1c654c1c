/** Latencies of one series, in milliseconds. */
export class Samples {
  readonly #valuesMs: number[] = [];

  add(valueMs: number): void {
    this.#valuesMs.push(valueMs);
  }

  addAll(others: Samples): void {
    for (const valueMs of others.#valuesMs) this.#valuesMs.push(valueMs);
  }

  summary(): Summary {
    const sorted = this.#valuesMs.toSorted((a, b) => a - b);
    return {
      count: sorted.length,
      p50Ms: percentile(sorted, 0.5),
      p95Ms: percentile(sorted, 0.95),
      p99Ms: percentile(sorted, 0.99),
      maxMs: percentile(sorted, 1),
    };
  }
}

export interface Summary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Nearest rank on sorted values; NaN where there are none. */
function percentile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}
