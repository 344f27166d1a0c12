import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * Whom a request comes from, as limits count it: an IPv4 address, or the /64 of an IPv6 one, since that is what one subscriber has. `proxies` is how
 * many stand in front: each adds the address that it heard from at the end of X-Forwarded-For, and what lies before that is whatever the client wrote.
 */
export function originOf(request: IncomingMessage, proxies: number): string {
  const forwarded = request.headers['x-forwarded-for'];
  const told = proxies > 0 && typeof forwarded === 'string' ? forwarded.split(',').slice(-proxies).toReversed() : [];
  return networkOf([request.socket.remoteAddress ?? '', ...told].at(-1)?.trim() ?? '');
}

/** An address as it is counted; `unknown` when it is none. */
export function networkOf(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d)/i, '');
  const family = isIP(plain);
  if (family === 4) return plain;
  return family === 6 ? `${prefixOf(plain)}::/64` : 'unknown';
}

/** The first four groups of a valid IPv6 address. */
function prefixOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  // An IPv4 address at the end stands for two groups.
  const written = left.length + right.length + (address.includes('.') ? 1 : 0);
  const groups = tail === undefined ? left : [...left, ...Array.from({ length: 8 - written }, () => '0'), ...right];
  return groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}
