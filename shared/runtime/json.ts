/**
 * Parses JSON and replaces every lone surrogate by U+FFFD; undefined for invalid JSON. Never
 * throws.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(wellFormedJson(text));
  } catch {
    return undefined;
  }
}

/**
 * Serializes a value as JSON that every parser accepts: Redis's cjson refuses a lone surrogate,
 * which `JSON.stringify` writes as an escape.
 */
export function toJson(value: unknown): string {
  return wellFormedJson(JSON.stringify(value));
}

const halfEscape = /\\u[dD][89a-fA-F]/;
const escapes =
  /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\[^]/g;

/** A JSON text without lone surrogates, escaped or not; otherwise unchanged. */
export function wellFormedJson(json: string): string {
  const text = json.toWellFormed();
  if (!halfEscape.test(text)) return text;
  return text.replaceAll(escapes, (escape, half: string | undefined) =>
    half === undefined ? escape : String.raw`\ufffd`,
  );
}
