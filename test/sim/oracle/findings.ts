/** What is wrong, each with the invariant that it breaks. */
export class Findings {
  readonly all: string[] = [];

  add(invariant: string, text: string): void {
    if (this.all.length < 20) this.all.push(`${invariant}: ${text}`);
  }
}
