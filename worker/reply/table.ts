/** The widest table that a phone shows in its fixed-width font without breaking lines (characters). */
const widest = 34;

/** Writes a table as aligned text where it fits a phone, else as a list: a row each, with the columns' names. */
export function formatTable(header: string[], rows: string[][]): string {
  const plain = [header, ...rows].map((row) => row.map(unmarked));
  const widths = header.map((_, column) => Math.max(...plain.map((row) => [...(row[column] ?? '')].length)));
  const total = widths.reduce((sum, width) => sum + width, 0) + 2 * (widths.length - 1);
  if (total <= widest && !plain.flat().some((cell) => cell.includes('\n'))) {
    const lines = plain.map((row) => row.map((cell, column) => pad(cell, widths[column] ?? 0)).join('  ').trimEnd());
    const rule = widths.map((width) => '─'.repeat(width)).join('  ');
    return ['```', lines[0] ?? '', rule, ...lines.slice(1), '```'].join('\n');
  }
  return rows
    .map((row) => row.map((cell, column) => (column === 0 ? `*${unmarked(cell)}*` : `${unmarked(header[column] ?? '')}: ${cell}`)).filter((line) => line !== '**').join('\n'))
    .join('\n\n');
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(width - [...cell].length, 0));
}

/** In a fixed-width block, and inside bold, WhatsApp shows marks as they are; they are left out. */
function unmarked(cell: string): string {
  return cell.replaceAll(/(^|\s)([*_~`])(\S(?:.*?\S)?)\2(?=$|\s|[.,:;!?)])/g, '$1$3');
}
