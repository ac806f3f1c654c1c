/** A place that scrolls and stays at its end while people look at its end. */

const NEAR_PX = 48;

export class Scroll {
  readonly root: HTMLElement;

  constructor(root: HTMLElement) {
    this.root = root;
  }

  /** Makes a change; whoever was at the end is at the end afterwards. */
  keep(change: () => void): void {
    const { root } = this;
    const atEnd = root.scrollHeight - root.scrollTop - root.clientHeight < NEAR_PX;
    change();
    if (atEnd) root.scrollTop = root.scrollHeight;
  }
}
