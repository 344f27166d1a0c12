/**
 * The line above what is said of work in the background: `requests` are the requests that it is
 * about, each by its beginning. '' without any.
 */
export function aboutHeading(requests: readonly string[]): string {
  return requests.length === 0 ? '' : `_About ${requests.map(quote).join(', ')}:_`;
}

/** A request in quotation marks, without what WhatsApp or Markdown would read as marks. */
const quote = (words: string): string => `“${words.replaceAll(/[*_~`]/g, '')}”`;

const heading = /^_About “[^\n]*”:_\n\n/;

/**
 * A message's text without that line. After a crash the same words may get another line: a
 * transcript does not say which ends were told together.
 */
export function withoutHeading(text: string): string {
  return text.replace(heading, '');
}
