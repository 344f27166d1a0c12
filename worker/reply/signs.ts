import { stripVTControlCharacters } from 'node:util';

/** The signs of WhatsApp's inline marks. */
const shownSigns = '*_~`';

/** The first of Unicode's noncharacters for internal use, which no text that is formatted has. */
const firstNote = 0xfdd0;

/** What stands for a sign until a block is settled, so that it differs from signs of the text. */
export function noteOf(sign: string): string {
  return String.fromCharCode(firstNote + shownSigns.indexOf(sign));
}

/** A text with the signs themselves for what stands for them. */
export function showSigns(line: string): string {
  return line.replaceAll(
    /[\ufdd0-\ufdd3]/g,
    (note) => shownSigns[note.charCodeAt(0) - firstNote] ?? '',
  );
}

/** Colours of a terminal, characters that nothing shows, and what stands for signs. */
export function withoutControls(text: string): string {
  return (
    stripVTControlCharacters(text)
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef]/g, '')
  );
}

/**
 * Signs between which WhatsApp shows no mark, before it and behind it: a letter, a digit or a sign
 * of code, paths and sums.
 */
const before = /[\p{L}\p{N}\p{M}/\\=@#$%^+&<|*_~`\ufdd0-\ufdd3]$/u;
const behind = /^[\p{L}\p{N}\p{M}/\\=@#$%^+&>|*_~`\ufdd0-\ufdd3]/u;

/** Whether a mark can stand between two texts: at the edges of a word. */
export function isEdge(head: string, tail: string): boolean {
  return !before.test(head) && !behind.test(tail);
}

/**
 * Whether WhatsApp might take a sign between two texts for the start of a mark or for its end. A
 * sign next to the same sign does not count.
 */
export function maySign(sign: string, head: string, tail: string): boolean {
  if (!/^[*_~`]$/.test(sign) || head.endsWith(sign) || tail.startsWith(sign)) return false;
  const starts = !before.test(head) && /^\S/.test(tail);
  const ends = !behind.test(tail) && /\S$/.test(head);
  return starts || ends;
}

/** Whether WhatsApp shows a mark around each line of a text: nothing in there ends it before. */
export function isMarkable(inner: string, sign: string): boolean {
  const lines = inner.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 0 && lines.every((line) => isLineMarkable(line.trim(), sign));
}

function isLineMarkable(text: string, sign: string): boolean {
  if (text.startsWith(sign) || text.endsWith(sign)) return false;
  for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
    const isDouble = text[at - 1] === sign || text[at + 1] === sign;
    if (
      !isDouble &&
      maySign(sign, 'a', text.slice(at + 1, at + 3)) &&
      /\S/.test(text[at - 1] ?? '')
    )
      return false;
  }
  return true;
}

/**
 * Puts a mark around each line's text: it counts only right next to the text, so blanks stay
 * outside. What is marked has to be settled.
 */
export function mark(sign: string, inner: string): string {
  const note = noteOf(sign);
  return inner
    .split('\n')
    .map((line) => {
      const [from, to] = [line.length - line.trimStart().length, line.trimEnd().length];
      return from >= to
        ? line
        : `${line.slice(0, from)}${note}${line.slice(from, to)}${note}${line.slice(to)}`;
    })
    .join('\n');
}

/** Puts a mark around a text where WhatsApp shows it; the text alone otherwise. */
export function markIfShown(sign: string, inner: string): string {
  return isMarkable(inner, sign) ? mark(sign, inner) : inner;
}
