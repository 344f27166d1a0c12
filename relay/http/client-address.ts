import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { createRanges, isWithin, plainAddress } from '../../shared/runtime/address-ranges.ts';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';

/**
 * Fly's private network between machines (fly.io/docs/networking/private-networking). Its proxy is
 * not in it.
 */
const neighboursOnFly = createRanges(['fdaa::/16']);

/** Fly's proxy appends two addresses to X-Forwarded-For: the client's and the app's own. */
const hopsOnFly = 2;

/**
 * Only this much of the header's end is read (characters): proxies append there, and clients may
 * send thousands of entries before it.
 */
const forwardedEnd = 1000;

/**
 * The client that a request comes from, as the rate limits count it: an IPv4 address, or the /64 of
 * an IPv6 address, since that is what one subscriber has. Headers count only if the connecting
 * machine is a proxy: each proxy appends the address of its peer to X-Forwarded-For, and everything
 * before that comes from the client.
 */
export function originOf(request: IncomingMessage, trust: ProxyTrust): string {
  const peer = request.socket.remoteAddress ?? '';
  if (!isProxy(peer, trust)) return networkOf(peer);
  const forwarded = request.headers['x-forwarded-for'];
  const told =
    typeof forwarded === 'string'
      ? forwarded
          .slice(-forwardedEnd)
          .split(',')
          .map((entry) => entry.trim())
      : [];
  if (trust instanceof BlockList)
    return networkOf(
      [...told, peer].findLast((entry) => !isWithin(entry, trust)) ?? told[0] ?? peer,
    );
  const client = trust === 'fly' ? request.headers['fly-client-ip'] : undefined;
  if (typeof client === 'string' && isIP(client) !== 0) return networkOf(client);
  return networkOf(
    [peer, ...told.slice(-(trust === 'fly' ? hopsOnFly : trust)).toReversed()].at(-1) ?? '',
  );
}

/** Whether the peer of a connection is a proxy whose headers count. */
export function isProxy(peer: string, trust: ProxyTrust): boolean {
  if (typeof trust === 'number') return trust > 0;
  return trust === 'fly' ? !isWithin(peer, neighboursOnFly) : isWithin(peer, trust);
}

/** The network of an address, as the rate limits count it; `unknown` for an invalid address. */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  const family = isIP(plain);
  if (family === 4) return plain;
  return family === 6 ? `${prefixOf(plain)}::/64` : 'unknown';
}

/** The first four groups of a valid IPv6 address. */
function prefixOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  // An IPv4 suffix stands for two groups.
  const written = left.length + right.length + (address.includes('.') ? 1 : 0);
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array.from({ length: 8 - written }, () => '0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
