import type { Token, Tokens } from 'marked';
import { decodeHTMLStrict } from 'entities';

/** All of WhatsApp's inline marks; passed as `open`, they suppress marks altogether. */
export const allMarks = '*_~`';

/**
 * Formats inline tokens with WhatsApp's marks. WhatsApp does not nest a mark in itself: the marks
 * in `open` already surround the text and are left out.
 */
export function formatInline(tokens: Token[], open = ''): string {
  return tokens
    .map((token, index) => {
      if (token.type === 'escape') return isInPath(tokens, index) ? token.raw : text(token);
      return formatSpan(token, isInWord(tokens, index), open);
    })
    .join('');
}

/**
 * Puts a mark around each line's text: it counts only right next to the text, so blanks stay
 * outside.
 */
export function mark(sign: string, inner: string): string {
  return inner
    .split('\n')
    .map((line) => {
      const [from, to] = [line.length - line.trimStart().length, line.trimEnd().length];
      return from >= to
        ? line
        : `${line.slice(0, from)}${sign}${line.slice(from, to)}${sign}${line.slice(to)}`;
    })
    .join('\n');
}

/**
 * Whether WhatsApp would not show a mark here, because a letter, a digit or a sign of code, paths
 * and sums stands right before or after it.
 */
function isInWord(tokens: Token[], index: number): boolean {
  return (
    /[\p{L}\p{N}/\\=@#$%^+&<|*_~`]$/u.test(tokens[index - 1]?.raw ?? '') ||
    /^[\p{L}\p{N}/\\=@#$%^+&>|*_~`]/u.test(tokens[index + 1]?.raw ?? '')
  );
}

/**
 * Whether a stretch that Markdown reads as marked is a name such as `__init__`, or part of a
 * pattern such as `src/**` + `/*.ts`: then its signs are part of the text.
 */
function isAsWritten({ raw }: Token): boolean {
  if (/^__\w+__$/.test(raw)) return true;
  const length = signLength(raw);
  return /^[/\\]/.test(raw.slice(length)) || /[/\\]$/.test(raw.slice(0, -length));
}

/** How many signs stand before and behind a marked stretch: one, or two that are the same. */
function signLength(raw: string): number {
  return raw[0] === raw[1] ? 2 : 1;
}

/**
 * Whether an escaped sign belongs to a path or a regular expression, whose backslashes are part of
 * the text: in the same word another backslash stands before a letter or a digit.
 */
function isInPath(tokens: Token[], index: number): boolean {
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

/** A word of a path or an expression is looked at over so many characters to either side. */
const longestWord = 300;

const signs: Record<string, string> = { strong: '*', em: '_', del: '~' };

/**
 * Formats one token. `inWord`: WhatsApp shows no mark here, so its signs stay as they were written;
 * `open` are the marks that surround the text already, which are left out.
 */
function formatSpan(token: Token, inWord: boolean, open: string): string {
  const sign = signs[token.type];
  if (sign !== undefined) {
    if (open.includes(sign)) return formatInline(children(token), open);
    // Each way looks into the children once: nested marks would double the work at each level.
    if (!inWord && !isAsWritten(token))
      return mark(sign, formatInline(children(token), open + sign));
    const written = token.raw.slice(0, signLength(token.raw));
    return `${written}${formatInline(children(token), open)}${written}`;
  }
  switch (token.type) {
    case 'codespan':
      return open.includes('`') ? text(token) : formatCode(text(token));
    case 'br':
      return '\n';
    case 'checkbox':
      return '';
    case 'link':
    case 'image':
      return formatLink(token as Tokens.Link | Tokens.Image, open);
    case 'html':
      return isLineBreak(token.raw) ? '\n' : token.raw;
    case 'text':
      return children(token).length > 0
        ? formatInline(children(token), open)
        : decodeHTMLStrict(text(token));
    default:
      return token.raw;
  }
}

/** The only tag that WhatsApp can show; any other stays as it was written. */
export function isLineBreak(html: string): boolean {
  return /^<br\s*\/?>$/i.test(html.trim());
}

function formatCode(code: string): string {
  const sign = code.includes('`') ? '```' : '`';
  return sign + code.replaceAll('```', "'''") + sign;
}

function formatLink(token: Tokens.Link | Tokens.Image, open: string): string {
  const label =
    token.type === 'link' ? formatInline(token.tokens, open) : decodeHTMLStrict(token.text);
  const address = token.href.replace(/^mailto:/, '');
  // A fragment address leads nowhere in a chat.
  if (address.startsWith('#') && label !== '') return label;
  return label === '' || label === address || label === token.href
    ? address
    : `${label} (${address})`;
}

function children(token: Token): Token[] {
  return 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
}

function text(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}
