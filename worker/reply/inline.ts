import { decodeHTMLStrict } from 'entities';
import type { Token, Tokens } from 'marked';
import { formatLink } from './link.ts';
import { isInPath, isWrittenName, signLength } from './names.ts';
import { resolveMarks } from './resolve-marks.ts';
import { isEdge, isMarkable, mark, maySign, noteOf, withoutControls } from './signs.ts';

/** All of WhatsApp's inline marks; passed as `open`, they suppress marks altogether. */
export const allMarks = '*_~`';

/**
 * What surrounds inline tokens: the marks that are open already, and what is sent right before and
 * behind them.
 */
type Around = { open: string; before: string; after: string };

/** Formats the inline tokens of a block with WhatsApp's marks. */
export function formatInline(tokens: Token[]): string {
  return resolveMarks(formatPart(tokens));
}

/**
 * Formats inline tokens for a text that is settled afterwards. WhatsApp does not nest a mark in
 * itself: the marks in `open` already surround the text and are left out.
 */
export function formatPart(tokens: Token[], open = ''): string {
  return formatTokens(tokens, { open, before: '', after: '' });
}

const signs: Record<string, string> = { strong: '*', em: '_', del: '~' };

function formatTokens(tokens: Token[], around: Around): string {
  const counts = countSigns(tokens, around.open);
  let said = '';
  let { before } = around;
  for (const [index, token] of tokens.entries()) {
    const after = index + 1 < tokens.length ? headOf(tokens[index + 1]) : around.after;
    const place = { open: around.open, before, after };
    const part =
      token.type !== 'escape'
        ? formatSpan(token, place)
        : isInPath(tokens, index)
          ? token.raw
          : formatEscape(token, place, counts);
    said += part;
    before = (part.length < 2 ? before + part : part).slice(-2);
  }
  return said;
}

/** What a token is sent with at its start, as far as edges of words need it. */
function headOf(token: Token | undefined): string {
  if (token?.type === 'br') return '\n';
  const raw = token?.raw.slice(0, 8) ?? '';
  return token?.type === 'link' || token?.type === 'image' ? raw.replace(/^(?:!?\[|<)/, '') : raw;
}

/** How many of each sign the tokens hold, with those that stand for their marks. */
function countSigns(tokens: Token[], open: string): Map<string, number> {
  const counts = new Map<string, number>();
  const raw = tokens.map((token) => `${token.raw}${signs[token.type] ?? ''}`).join('');
  for (const [sign] of `${raw}${open === allMarks ? '' : open}`.matchAll(/[*_~`]/g))
    counts.set(sign, (counts.get(sign) ?? 0) + 1);
  return counts;
}

/**
 * An escaped sign keeps its backslash where WhatsApp, which knows no escapes, would take the sign
 * for a mark.
 */
function formatEscape(
  token: Token,
  { before, after }: Around,
  counts: Map<string, number>,
): string {
  const sign = text(token);
  const isAlone = (counts.get(sign) ?? 0) < 2;
  const isPoint =
    isLineStart(before) && (sign === '>' || (sign === '*' && /^(?:\s|$)/.test(after)));
  return isPoint || (!isAlone && maySign(sign, before, after)) ? token.raw : sign;
}

function isLineStart(before: string): boolean {
  return before === '' || before.endsWith('\n');
}

/**
 * Formats one token. Where WhatsApp shows no mark, its signs stay as they were written; the marks
 * that surround the text already are left out.
 */
function formatSpan(token: Token, place: Around): string {
  switch (token.type) {
    case 'strong':
    case 'em':
    case 'del':
      return formatMark(token, signs[token.type] ?? '', place);
    case 'codespan':
      return formatCode(token, place);
    case 'br':
      return '\n';
    case 'checkbox':
      return '';
    case 'link':
    case 'image': {
      const { open, before } = place;
      // A picture's text has no marks of its own.
      const inner = { open: token.type === 'link' ? open : allMarks, before, after: '' };
      return formatLink(formatTokens(children(token), inner), token as Tokens.Link | Tokens.Image);
    }
    case 'html':
      return isLineBreak(token.raw) ? '\n' : token.raw;
    case 'text':
      return children(token).length > 0
        ? formatTokens(children(token), place)
        : decode(token.raw, place.before);
    default:
      return token.raw;
  }
}

/** How far an address that a mark would join is looked for (characters). */
const longestAddress = 300;

function formatMark(token: Token, sign: string, { open, before, after }: Around): string {
  const written = token.raw.slice(0, signLength(token));
  const inner = (open: string, before: string, after: string): string =>
    formatTokens(children(token), { open, before, after });
  if (!isEdge(before, after) || isWrittenName(token))
    return `${written}${inner(open, written, written)}${written}`;
  // Each way looks into the children once: nested marks would double the work at each level.
  if (open.includes(sign)) return inner(open, before, after);
  const shown = inner(open + sign, '', '');
  // A phone would take the sign, and what follows, for a part of the address.
  const joinsAddress = /^[^\s.,;:!?'")>]/.test(after) && endsInAddress(shown);
  if (isMarkable(shown, sign) && !joinsAddress) return mark(sign, shown);
  // Single signs would be another mark, and a mark right behind signs would not be shown.
  const isSeen = written.length > 1 && !/^[\ufdd0-\ufdd3]|[\ufdd0-\ufdd3]$/.test(shown);
  return isSeen ? `${written}${shown}${written}` : shown;
}

function endsInAddress(said: string): boolean {
  const word = said.slice(-longestAddress).split(/\s/).at(-1) ?? '';
  return word.lastIndexOf('://') > word.lastIndexOf(')');
}

function formatCode(token: Token, { open, before, after }: Around): string {
  const code = text(token);
  if (open.includes('`')) return code;
  // Signs that WhatsApp could not tell from its own stay as they were written.
  const isJoined = /[\\`\ufdd3]$/.test(before) || after.startsWith('`');
  if (isJoined || /^\s*$|^`|`$|```/.test(code)) return token.raw;
  return asCode(code);
}

function asCode(code: string): string {
  const sign = noteOf('`').repeat(code.includes('`') ? 3 : 1);
  return `${sign}${code.replaceAll('```', "'''")}${sign}`;
}

/** Whether a text that is sent as it was written has a sign that could begin or end a mark. */
export function holdsMark(raw: string): boolean {
  return [...raw.matchAll(/[*_~`]/g)].some(({ 0: sign, index }) =>
    maySign(sign, raw.slice(Math.max(index - 2, 0), index), raw.slice(index + 1, index + 3)),
  );
}

/** The only tag that WhatsApp can show; any other stays as it was written. */
function isLineBreak(html: string): boolean {
  return /^<br\s*\/?>$/i.test(html.trim());
}

/**
 * Decodes the entities of a text. An entity for a sign of WhatsApp's, or for a quote's sign at
 * the start of a line, stays as it was written.
 */
function decode(written: string, before: string): string {
  return written.replaceAll(/&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z\d]+);/gi, (entity, index: number) => {
    const sign = decodeHTMLStrict(entity);
    const isQuote = sign === '>' && isLineStart(index === 0 ? before : written.slice(0, index));
    return isQuote || /^[*_~`]$/.test(sign) ? entity : withoutControls(sign);
  });
}

function children(token: Token): Token[] {
  return 'tokens' in token && Array.isArray(token.tokens) ? token.tokens : [];
}

function text(token: Token): string {
  return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
}
