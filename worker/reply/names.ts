import type { Token } from 'marked';

/**
 * Whether a stretch that Markdown reads as marked is a name such as `__init__`, or part of a
 * pattern such as `src/**` + `/*.ts`: then its signs are part of the text.
 */
export function isWrittenName(token: Token): boolean {
  if (/^__\w+__$/.test(token.raw)) return true;
  const length = signLength(token);
  return (
    /^(?:\/|\\[\p{L}\p{N}])/u.test(token.raw.slice(length)) ||
    /[/\\]$/.test(token.raw.slice(0, -length))
  );
}

/** How many signs stand before and behind a marked stretch. */
export function signLength({ type, raw }: Token): number {
  return type !== 'em' && raw[0] === raw[1] ? 2 : 1;
}

/**
 * Whether an escaped sign belongs to a path or a regular expression, whose backslashes are part of
 * the text: in the same word another backslash stands before a letter or a digit.
 */
export function isInPath(tokens: Token[], index: number): boolean {
  let [before, after] = ['', ''];
  for (let at = index - 1; at >= 0 && before.length < longestWord && !/\s/.test(before); at -= 1)
    before = `${tokens[at]?.raw ?? ''}${before}`;
  for (
    let at = index;
    at < tokens.length && after.length < longestWord && !/\s/.test(after);
    at += 1
  )
    after += tokens[at]?.raw ?? '';
  const [head = '', tail = ''] = [before.split(/\s/).at(-1), after.split(/\s/)[0]];
  return /\\[\p{L}\p{N}]/u.test(head.slice(-longestWord) + tail.slice(0, longestWord));
}

/** How far a word of a path or an expression is looked at, to either side (characters). */
const longestWord = 300;
