/** Those who want to be told of something, each once, in the order in which they came. */
export class Listeners<News> {
  readonly #all = new Set<(news: News) => void>();

  /** The returned function ends it. */
  add(listener: (news: News) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(news: News): void {
    for (const listener of [...this.#all]) listener(news);
  }

  clear(): void {
    this.#all.clear();
  }
}
