import type { Token, Tokens } from 'marked';
import { decodeEntities, readHtml } from './html-text.ts';

/** All of WhatsApp's inline marks; passed as `open`, they suppress marks altogether. */
export const allMarks = '*_~`';

/**
 * Formats inline tokens with WhatsApp's marks. WhatsApp does not nest a mark in itself: the marks
 * in `open` already surround the text and are left out.
 */
export function formatInline(tokens: Token[], open = ''): string {
  return tokens
    .map((token, index) =>
      formatSpan(token, `${open}${isInWord(tokens, index) ? '*_~' : ''}`, open),
    )
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

/** WhatsApp ignores marks in the middle of a word. */
function isInWord(tokens: Token[], index: number): boolean {
  return (
    /[\p{L}\p{N}]$/u.test(tokens[index - 1]?.raw ?? '') ||
    /^[\p{L}\p{N}]/u.test(tokens[index + 1]?.raw ?? '')
  );
}

const signs: Record<string, string> = { strong: '*', em: '_', del: '~' };

/** `closed` are the marks not available here; `open` those among them that surround the text. */
function formatSpan(token: Token, closed: string, open: string): string {
  const sign = signs[token.type];
  if (sign !== undefined)
    return closed.includes(sign)
      ? formatInline(children(token), open)
      : mark(sign, formatInline(children(token), open + sign));
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
    case 'escape':
      return text(token);
    case 'html':
      return readHtml(token.raw);
    case 'text':
      return children(token).length > 0
        ? formatInline(children(token), open)
        : decodeEntities(text(token));
    default:
      return token.raw;
  }
}

function formatCode(code: string): string {
  const sign = code.includes('`') ? '```' : '`';
  return sign + code.replaceAll('```', "'''") + sign;
}

function formatLink(token: Tokens.Link | Tokens.Image, open: string): string {
  const label =
    token.type === 'link' ? formatInline(token.tokens, open) : decodeEntities(token.text);
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
