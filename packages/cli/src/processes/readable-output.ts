/** For people: what a process printed, its structured log lines reduced to what went wrong. */
export function readableOutput(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const entry = logEntry(line);
    if (entry === undefined) return [line];
    if (!isTrouble(entry["level"])) return [];
    return [[entry["msg"], reason(entry["err"])].filter((part) => typeof part === "string").join(": ")];
  });
}

/** A line of pino's; undefined for any other. */
function logEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null && "level" in entry ? { ...entry } : undefined;
  } catch {
    return undefined;
  }
}

function isTrouble(level: unknown): boolean {
  return level === "warn" || level === "error" || level === "fatal";
}

function reason(error: unknown): string | undefined {
  const isError = typeof error === "object" && error !== null && "message" in error;
  return isError && typeof error.message === "string" ? error.message : undefined;
}
