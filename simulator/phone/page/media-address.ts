const schemes = new Set(['http:', 'https:', 'data:', 'blob:']);

/**
 * A safe address of a file for the page; an address that would run a script becomes an empty page.
 */
export function mediaAddress(url: string): string {
  const parsed = URL.parse(url, location.href);
  return parsed && schemes.has(parsed.protocol) ? parsed.href : 'about:blank';
}
