// What a head lists, and by what each item is known.

export type Item = Record<string, unknown>;

export const KEYS = {
  participants: "participant",
  members: "member",
  observerCounts: "node",
  agents: "instance",
  runs: "id",
  controls: "id",
  requests: "id",
  takeovers: "id",
  documents: "id",
  budgets: "currency",
} as const;
export type ListName = keyof typeof KEYS;

export const word = (value: unknown): string => (typeof value === "string" ? value : "");
export const count = (value: unknown): number => Number(value ?? 0);

const isListName = (name: string): name is ListName => Object.hasOwn(KEYS, name);
export const listNames: readonly ListName[] = Object.keys(KEYS).filter(isListName);

/** By what a sum of usage is known. */
export const totalKey = ({ provider, model, currency, audience }: Item): string =>
  JSON.stringify([word(provider), word(model), word(currency), audience]);
