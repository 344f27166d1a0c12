import { BlockList, isIP } from 'node:net';

/**
 * Which of the machines that connect are proxies, whose X-Forwarded-For counts: as many as stand in
 * a row in front (then each machine that connects is taken for the last of them), those at these
 * addresses, or Fly's.
 */
export type ProxyTrust = number | 'fly' | BlockList;

/** The most proxies in a row. */
const mostProxies = 10;

/**
 * Reads `TRUST_PROXY`: a number from 0 to 10, `fly`, or addresses and ranges with commas between
 * them, such as `127.0.0.1, 10.0.0.0/8`. Throws RangeError for anything else.
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
 * Addresses (`10.0.0.1`, `fdaa::3`) and ranges (`10.0.0.0/8`) as one list. Throws RangeError for
 * what is neither.
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

/** Whether an address, in whatever spelling, is in the list; false when it is none. */
export function isWithin(address: string, ranges: BlockList): boolean {
  const plain = plainAddress(address);
  const family = isIP(plain);
  return family !== 0 && ranges.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

/** Without the zone of a link-local address, and IPv4 as such where it is written as IPv6. */
export function plainAddress(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.\d)/i, '');
}
