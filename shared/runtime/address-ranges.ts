import { BlockList, isIP } from 'node:net';

/**
 * Which connecting machines are proxies whose X-Forwarded-For counts: the number of proxies in a
 * row in front (each connecting machine is then taken for the last of them), their addresses, or
 * Fly's.
 */
export type ProxyTrust = number | 'fly' | BlockList;

/** The most proxies in a row. */
const mostProxies = 10;

/**
 * Parses `TRUST_PROXY`: a number from 0 to 10, `fly`, or comma-separated addresses and ranges, such
 * as `127.0.0.1, 10.0.0.0/8`. Throws RangeError for anything else.
 */
export function parseProxyTrust(value: string): ProxyTrust {
  const text = value.trim();
  if (/^\d+$/.test(text)) {
    if (Number(text) > mostProxies)
      throw new RangeError('must be a number of proxies from 0 to 10');
    return Number(text);
  }
  return text === 'fly' ? text : createRanges(text.split(',').map((entry) => entry.trim()));
}

/**
 * Addresses (`10.0.0.1`, `fdaa::3`) and ranges (`10.0.0.0/8`) as one list. Throws RangeError for an
 * invalid entry.
 */
export function createRanges(entries: readonly string[]): BlockList {
  const ranges = new BlockList();
  for (const entry of entries) {
    const [address = '', bits, rest] = entry.split('/');
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (family === 0 || rest !== undefined || !(length <= most))
      throw new RangeError(
        'must be a number of proxies from 0 to 10, fly, or addresses and ranges such as 127.0.0.1, 10.0.0.0/8',
      );
    ranges.addSubnet(address, length, family === 6 ? 'ipv6' : 'ipv4');
  }
  return ranges;
}

/** Whether the list contains an address, in any spelling; false for an invalid address. */
export function isWithin(address: string, ranges: BlockList): boolean {
  const plain = plainAddress(address);
  const family = isIP(plain);
  return family !== 0 && ranges.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

/** Strips the zone of a link-local address, and unwraps IPv4 in IPv6 notation. */
export function plainAddress(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d)/i, '');
}
