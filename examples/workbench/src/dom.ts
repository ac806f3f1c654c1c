/** Elements, made and changed with as little as possible. Text is always text: nothing here reads HTML. */

type Attributes = Readonly<Record<string, string | boolean | undefined>>;
type Child = Node | string | undefined;

/** Makes an element; attributes that are false or undefined are left out, true ones are empty. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) target.removeAttribute(name);
    else if (target.getAttribute(name) !== (value === true ? "" : value))
      target.setAttribute(name, value === true ? "" : value);
  }
}

/** Changes an element's text where it is another. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes `parent` hold exactly these children, moving and removing as few as possible. */
export function setChildren(parent: Element, children: readonly Node[]): void {
  const keep = new Set(children);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  for (const [index, child] of children.entries()) {
    const present = parent.childNodes[index];
    if (present !== child) parent.insertBefore(child, present ?? null);
  }
}

/** Elements by key, made once and kept while their key is asked for. */
export class Keyed<T extends { readonly root: Element }> {
  #known = new Map<string, T>();

  /** The elements of these keys, in order; those of other keys are forgotten. */
  take(keys: readonly string[], make: (key: string) => T): readonly T[] {
    const next = new Map(keys.map((key) => [key, this.#known.get(key) ?? make(key)]));
    this.#known = next;
    return [...next.values()];
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon of 16 by 16, drawn by its paths; for the eye only. */
export function icon(...paths: readonly string[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  setAttributes(svg, { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" });
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
