/** A message as far as the order of the conversation asks. */
export interface Versioned {
  readonly id: string;
  readonly parentId: string;
  readonly editOf: string;
  readonly regenerates: string;
}

/** The versions of messages that were edited or regenerated, and which of them the conversation shows. */
export class Versions {
  readonly #byId = new Map<string, { readonly message: Versioned; readonly place: number }>();
  /** First version -> all versions, oldest first. */
  readonly #groups = new Map<string, string[]>();
  readonly #chosen: ReadonlyMap<string, string>;
  readonly #visible = new Map<string, boolean>();

  /** `messages` in order; `chosen`: first version -> the one to show, where that is not the latest. */
  constructor(messages: Iterable<Versioned>, chosen: ReadonlyMap<string, string>) {
    this.#chosen = chosen;
    for (const message of messages) {
      this.#byId.set(message.id, { message, place: this.#byId.size });
      const first = this.first(message.id);
      const group = this.#groups.get(first);
      if (group === undefined) this.#groups.set(first, [message.id]);
      else group.push(message.id);
    }
  }

  /** The message of which this one is a version; itself where it is the first. */
  first(id: string): string {
    let first = id;
    for (let of = this.#replaced(id); of !== undefined; of = this.#replaced(of)) first = of;
    return first;
  }

  /** This message and its other versions, oldest first. */
  of(id: string): readonly string[] {
    return this.#groups.get(this.first(id)) ?? [id];
  }

  /** Whether the conversation shows it: it and all that it follows are the versions that are chosen. */
  shows(id: string): boolean {
    const path: string[] = [];
    let visible = true;
    for (let at: string | undefined = id; at !== undefined; at = this.#before(at, (message) => message.parentId)) {
      const known = this.#visible.get(at);
      path.push(at);
      visible = known ?? this.#isChosen(at);
      if (known !== undefined || !visible) break;
    }
    for (const passed of path) this.#visible.set(passed, visible);
    return visible;
  }

  #isChosen(id: string): boolean {
    const versions = this.of(id);
    const chosen = this.#chosen.get(this.first(id));
    return id === (chosen !== undefined && versions.includes(chosen) ? chosen : versions.at(-1));
  }

  #replaced(id: string): string | undefined {
    return this.#before(id, ({ editOf, regenerates }) => editOf || regenerates);
  }

  /** The message that this one speaks of, where it is there. Only older ones count, so that following them ends. */
  #before(id: string, of: (message: Versioned) => string): string | undefined {
    const known = this.#byId.get(id);
    if (known === undefined) return undefined;
    const other = of(known.message);
    const place = this.#byId.get(other)?.place ?? Infinity;
    return place < known.place ? other : undefined;
  }
}
