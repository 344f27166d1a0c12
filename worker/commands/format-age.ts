/**
 * Formats how long ago something was; both times are ms since 1970. Such as `just now`, `5 min
 * ago`, `3 h ago`, `2 days ago`.
 */
export function agoInWords(then: number, now: number): string {
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  const days = Math.floor(hours / 24);
  return days === 1 ? 'yesterday' : `${days} days ago`;
}
