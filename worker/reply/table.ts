import type { Tokens } from 'marked';
import { allMarks, formatPart } from './inline.ts';
import { resolveMarks } from './resolve-marks.ts';
import { markIfShown } from './signs.ts';

/**
 * The widest table that a phone shows in its fixed-width font without wrapping (character columns).
 */
const widest = 30;

/**
 * Formats a table as aligned text if it fits a phone, else as a list with one entry per row and the
 * columns' names.
 */
export function formatTable({ header, rows }: Tokens.Table): string {
  const plain = [header, ...rows].map((row) =>
    row.map((cell) => formatPart(cell.tokens, allMarks)),
  );
  const widths = header.map((_, column) =>
    Math.max(...plain.map((row) => widthOf(row[column] ?? ''))),
  );
  const total = widths.reduce((sum, width) => sum + width, 0) + 2 * (widths.length - 1);
  if (total > widest || plain.flat().some((cell) => /\n|```/.test(cell)))
    return asList(header, rows);
  const lines = plain.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, header[column]?.align === 'right'))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return ['```', lines[0] ?? '', rule, ...lines.slice(1), '```'].join('\n');
}

function asList(header: Tokens.TableCell[], rows: Tokens.TableCell[][]): string {
  const names = header.map((cell) => formatPart(cell.tokens, allMarks));
  const named = names.filter((name) => name !== '');
  if (names.length > 2 && rows.length > 0)
    return resolveMarks(rows.map((row) => asRecord(names, row)).join('\n\n'));
  const items = rows.map(
    (row) =>
      `- ${row
        .map((cell, column) =>
          column === 0 && row.length > 1 ? bold(cell) : formatPart(cell.tokens),
        )
        .filter((text) => text !== '')
        .join(': ')}`,
  );
  const title = named.length > 0 ? [markIfShown('_', named.join(' · '))] : [];
  return resolveMarks([...title, ...items].join('\n'));
}

/** One row of many columns: the first in bold, then a line for each further column. */
function asRecord(names: string[], row: Tokens.TableCell[]): string {
  const lines = row.map((cell, column) => {
    const name = names[column] ?? '';
    const before = name === '' ? '' : `${name}: `;
    return column === 0
      ? markIfShown('*', `${before}${formatPart(cell.tokens, allMarks) || '–'}`)
      : `${before}${formatPart(cell.tokens) || '–'}`;
  });
  return lines.join('\n');
}

function bold(cell: Tokens.TableCell): string {
  return markIfShown('*', formatPart(cell.tokens, allMarks));
}

function pad(cell: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(width - widthOf(cell), 0));
  return right ? blanks + cell : cell + blanks;
}

/** Created on first use. */
let graphemes: Intl.Segmenter | undefined;
/** Emoji, and East Asian characters that are two columns wide (unicode.org/reports/tr11). */
const wide =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** The width of a text in columns of the fixed-width font. */
function widthOf(text: string): number {
  graphemes ??= new Intl.Segmenter('und', { granularity: 'grapheme' });
  return [...graphemes.segment(text)].reduce(
    (sum, { segment }) => sum + (wide.test(segment) ? 2 : 1),
    0,
  );
}
