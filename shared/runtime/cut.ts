/**
 * One line of at most `length` UTF-16 units. Longer text ends with “…”; grapheme clusters (an
 * emoji) are not split.
 */
export function cut(text: string, length: number): string {
  const line = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length <= length ? line : ended(line, length);
}

/** Like `cut`, but keeps the text's line breaks. */
export function cutLines(text: string, length: number): string {
  const whole = text.toWellFormed();
  return whole.length <= length ? whole : ended(whole, length);
}

function ended(text: string, length: number): string {
  return `${head(text, length - 1).trimEnd()}…`;
}

/** The longest cluster that is kept whole (UTF-16 units): a family emoji has about 40. */
const longestCluster = 64;
const longText = 5000;

/**
 * The beginning of a text: as many whole grapheme clusters as fit into `length` UTF-16 units. A
 * pile of combining marks longer than any script's cluster is cut between two code points.
 */
export function head(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  if (length <= 0) return '';
  // Flags pair from the start of the text; in a long text only the part near the cut is segmented.
  const from = length <= longText ? 0 : length - longestCluster;
  const near = new Intl.Segmenter().segment(text.slice(from, length + longestCluster));
  const cluster = near.containing(length - from);
  // The first cluster of the excerpt may be the end of a longer one.
  const isWhole =
    cluster !== undefined &&
    (cluster.index > 0 || from === 0) &&
    cluster.segment.length < longestCluster;
  const end = isWhole ? from + cluster.index : length;
  return text
    .slice(0, end)
    .replace(/[\uD800-\uDBFF]$/, '')
    .toWellFormed();
}
