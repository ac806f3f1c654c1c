/** Steps that must not overlap: each begins when the one before has ended, however it ended. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** What `step` settles with, once its turn has come. */
  async take<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
