const schemes = new Set(['http:', 'https:', 'data:', 'blob:']);

/**
 * The address of a file as the page may use it; one that would run a script becomes an empty page.
 */
export function mediaAddress(url: string): string {
  const parsed = URL.parse(url, location.href);
  return parsed && schemes.has(parsed.protocol) ? parsed.href : 'about:blank';
}
