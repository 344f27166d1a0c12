/** One line of at most `length` characters; what is longer ends with “…”, and no sign of several units is cut in two. */
export function cut(text: string, length: number): string {
  const line = text.toWellFormed().replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  if (line.length <= length) return line;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    if (kept.length + segment.length > length - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
