import { isEdge, showSigns } from './signs.ts';

/**
 * Puts WhatsApp's signs where `mark` has noted its marks, and keeps every other sign from being
 * taken for one: WhatsApp has no escapes, so a word with a sign that it would pair with a later one
 * is sent as code, which shows it as it was written.
 */
export function resolveMarks(text: string): string {
  return text.includes('\n') ? text.split('\n').map(resolveLine).join('\n') : resolveLine(text);
}

const noted = /[\ufdd0-\ufdd3]/;
const address = /https?:\/\/[^\s<>"`\ufdd0-\ufdd3]{1,2000}/y;

function resolveLine(written: string): string {
  // A backtick that is left alone would end code with one; it does not end code with three.
  const line =
    /(?<!`)`(?!`)/.test(written) && !written.includes('```')
      ? written.replaceAll(/(?<!\ufdd3)\ufdd3(?!\ufdd3)/g, '\ufdd3\ufdd3\ufdd3')
      : written;
  const plain = showSigns(line);
  if (!/[*_~>]/.test(line)) return plain;
  const closers = findClosers(plain, line);
  const open = new Set<string>();
  let said = '';
  /** Everything before this index is final. */
  let from = 0;
  for (let at = 0; at < line.length;) {
    const unit = line[at] ?? '';
    const sign = plain[at] ?? '';
    const kept = codeAt(line, at) ?? addressAt(line, at);
    if (kept !== undefined || noted.test(unit)) {
      if (kept === undefined && !open.delete(sign)) open.add(sign);
      at += kept?.length ?? 1;
      said += plain.slice(from, at);
      from = at;
      continue;
    }
    if (!isTaken(line, plain, at, open, closers)) {
      at += 1;
      continue;
    }
    let start = at;
    while (start > from && /\S/.test(plain[start - 1] ?? '')) start -= 1;
    const wordEnd = endOfWord(line, at);
    // Right behind code a mark would not be shown.
    const end = noted.test(line[wordEnd] ?? '') ? at + 1 : wordEnd;
    const word = showSigns(line.slice(start, end).replaceAll('\ufdd3', ''));
    said = withCode(said + plain.slice(from, start), word);
    at = end;
    from = end;
  }
  return said + plain.slice(from);
}

/** The end of a word, including code within or right behind it. */
function endOfWord(line: string, at: number): number {
  let end = at;
  while (end < line.length && /[^\s\ufdd0-\ufdd2]/.test(line[end] ?? ''))
    end += codeAt(line, end)?.length ?? 1;
  return end;
}

/** A noted code span from a place on, whole. */
function codeAt(line: string, at: number): string | undefined {
  if (line[at] !== '\ufdd3') return undefined;
  const width = line.startsWith('\ufdd3\ufdd3\ufdd3', at) ? 3 : 1;
  const end = line.indexOf('\ufdd3', at + width);
  return end === -1 ? undefined : line.slice(at, end + width);
}

/** An address from a place on, without what phones leave out at its end. */
function addressAt(line: string, at: number): string | undefined {
  if (line[at] !== 'h' || /\w/.test(line[at - 1] ?? '')) return undefined;
  address.lastIndex = at;
  const found = address.exec(line)?.[0] ?? '';
  let depth = 0;
  for (let end = 0; end < found.length; end += 1) {
    if (found[end] === '(') depth += 1;
    if (found[end] === ')' && depth-- === 0) return found.slice(0, end);
  }
  return found === '' ? undefined : found.replace(/[.,;:!?'*_~]$/, '');
}

/** The last place on a line where each sign can end a mark. */
function findClosers(plain: string, line: string): Map<string, number> {
  const closers = new Map<string, number>();
  for (const { 0: sign, index } of plain.matchAll(/[*_~]/g))
    if (canEnd(plain, line, sign, index)) closers.set(sign, index);
  return closers;
}

/** Whether WhatsApp would take an ordinary sign for the start or the end of a mark. */
function isTaken(
  line: string,
  plain: string,
  at: number,
  open: Set<string>,
  closers: Map<string, number>,
): boolean {
  const sign = plain[at] ?? '';
  // At the start of a line these would be a quote and a point.
  const isFirst = /^[*>]$/.test(sign) && plain.slice(0, at).trim() === '';
  if (isFirst && (sign === '>' || /^(?:\s|$)/.test(plain.slice(at + 1, at + 2)))) return true;
  if (!/[*_~]/.test(sign) || plain[at - 1] === sign || plain[at + 1] === sign) return false;
  if (open.has(sign)) return canEnd(plain, line, sign, at);
  const isStart =
    noted.test(line[at - 1] ?? '') || isEdge(plain.slice(Math.max(at - 2, 0), at), '');
  return isStart && /\S/.test(plain[at + 1] ?? '') && (closers.get(sign) ?? 0) > at + 1;
}

function canEnd(plain: string, line: string, sign: string, at: number): boolean {
  if (plain[at - 1] === sign || plain[at + 1] === sign) return false;
  const isEnd = noted.test(line[at + 1] ?? '') || isEdge('', plain.slice(at + 1, at + 3));
  return isEnd && /\S/.test(plain[at - 1] ?? '');
}

/**
 * A text with another behind it in code, which shows it as it is; without the code if the other has
 * signs of code itself. Two stretches of code side by side become one.
 */
function withCode(before: string, word: string): string {
  if (/^`|`$|```/.test(word)) return before + word;
  const end = /(?<!`)(?:`|```)$/.exec(before.slice(-4))?.[0];
  if (end !== undefined && !word.includes('`'))
    return `${before.slice(0, -end.length)}${word}${end}`;
  const sign = word.includes('`') ? '```' : '`';
  return `${before}${sign}${word}${sign}`;
}
