/**
 * The line above what Claude says by itself of its work in the background: `quoted` are the
 * requests that it is about, in quotation marks. '' without any.
 */
export function aboutHeading(quoted: readonly string[]): string {
  return quoted.length === 0 ? '' : `_About ${quoted.join(', ')}:_`;
}

const heading = /^_About “[^\n]*”:_\n\n/;

/**
 * A message's text without that line. After a crash the same words may get another line: a
 * transcript does not say which ends were told together.
 */
export function withoutHeading(text: string): string {
  return text.replace(heading, '');
}
