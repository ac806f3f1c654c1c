import type { PageJson } from "@perdure/protocol";

interface Kept {
  readonly page: PageJson;
  /** The record with which it left the state. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The pages that a session has shed, until the keeper has them in the log. Past the byte cap the oldest go. */
export class UnwrittenPages {
  readonly #bytesMax: number;
  #kept: Kept[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#kept.length;
  }

  push(page: PageJson, offset: number): void {
    const sizeBytes = JSON.stringify(page).length;
    this.#kept.push({ page, offset, sizeBytes });
    this.#bytes += sizeBytes;
    while (this.#bytes > this.#bytesMax) this.#dropFirst();
  }

  /** A head in the log covers `covered`, and the pages up to there are in it too. */
  written(covered: number): void {
    while ((this.#kept[0]?.offset ?? Number.POSITIVE_INFINITY) <= covered) this.#dropFirst();
  }

  get(epoch: number, number: number): PageJson | undefined {
    return this.#kept.find(({ page }) => Number(page.epoch ?? 0) === epoch && (page.number ?? 0) === number)?.page;
  }

  #dropFirst(): void {
    this.#bytes -= this.#kept[0]?.sizeBytes ?? this.#bytes;
    this.#kept = this.#kept.slice(1);
  }
}
