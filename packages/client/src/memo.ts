/** Keeps what was made of an item until one of the values it was made from is another. */
export class Memo<Item extends object, View> {
  readonly #made = new WeakMap<Item, { readonly from: readonly unknown[]; readonly view: View }>();

  get(item: Item, from: readonly unknown[], make: () => View): View {
    const made = this.#made.get(item);
    if (made !== undefined && sameItems(made.from, from)) return made.view;
    const view = make();
    this.#made.set(item, { from, view });
    return view;
  }
}

/** Whether two lists hold the same values, objects by reference. */
export const sameItems = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((value, index) => Object.is(value, other[index]));
