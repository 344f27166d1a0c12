/**
 * What a JSON text says, every half of a surrogate pair replaced by U+FFFD; undefined when it is no
 * JSON. Never throws.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(wellFormedJson(text));
  } catch {
    return undefined;
  }
}

/**
 * A value as JSON that every reader takes: Redis's cjson refuses a half of a surrogate pair, which
 * `JSON.stringify` writes as an escape.
 */
export function toJson(value: unknown): string {
  return wellFormedJson(JSON.stringify(value));
}

const halfEscape = /\\u[dD][89a-fA-F]/;
const escapes =
  /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\[^]/g;

/** A JSON text without halves of surrogate pairs, escaped or not; all else of it stays as it is. */
export function wellFormedJson(json: string): string {
  const text = json.toWellFormed();
  if (!halfEscape.test(text)) return text;
  return text.replaceAll(escapes, (escape, half: string | undefined) =>
    half === undefined ? escape : String.raw`\ufffd`,
  );
}
