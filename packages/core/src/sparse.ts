/** A copy without what protobuf's JSON leaves out: empty texts and lists, zero and false. */
export function sparse<T extends object>(fields: T): Partial<T> {
  const kept: Partial<T> = {};
  for (const key in fields) {
    const value = fields[key];
    if (!isDefault(value)) kept[key] = value;
  }
  return kept;
}

const isDefault = (value: unknown): boolean =>
  value === undefined || value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);

/** An int64 in JSON; empty for zero, which `sparse` leaves out. */
export const int64 = (value: number): string => (value === 0 ? "" : String(value));

/** An int64 of JSON as a number; what is absent or no number is 0, what is too large to count exactly is cut off. */
export function fromInt64(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? Math.max(-Number.MAX_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER)) : 0;
}
