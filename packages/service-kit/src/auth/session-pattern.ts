/** Longest pattern, and how many a token may hold: what is judged per attach must stay small. */
export const PATTERN_MAX_LENGTH = 128;
export const PATTERNS_MAX = 64;

/**
 * Whether `*` (any characters, also none) and plain characters of `pattern` cover the whole `name`. Names of the system
 * (`~` first) are covered by patterns that say `~` themselves. Linear in practice, at worst pattern times name: on a
 * mismatch only the last `*` gives ground.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  if (name.startsWith("~") && !pattern.startsWith("~")) return false;
  let at = 0;
  let patternAt = 0;
  let starAt = -1;
  let starCovers = 0;
  while (at < name.length) {
    if (pattern[patternAt] === "*") {
      starAt = patternAt++;
      starCovers = at;
    } else if (pattern[patternAt] === name[at]) {
      patternAt++;
      at++;
    } else if (starAt >= 0) {
      patternAt = starAt + 1;
      at = ++starCovers;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(patternAt));
}

/** Whether one of the patterns covers the name. */
export const matchesAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => matchesPattern(pattern, name));
