import type { Log } from "@perdure/log";

/** The log with some of its calls replaced; the replacements may use the log itself. */
export function alteredLog(log: Log, replaced: Partial<Log>): Log {
  return new Proxy(log, {
    get(inner, name) {
      const member: unknown = Reflect.get(Object.hasOwn(replaced, name) ? replaced : inner, name);
      return typeof member === "function"
        ? (...call: unknown[]): unknown => Reflect.apply(member, inner, call)
        : member;
    },
  });
}
