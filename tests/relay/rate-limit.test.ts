import type { IncomingMessage } from 'node:http';
import { parseProxyTrust } from '../../shared/runtime/address-ranges.ts';
import { array, assert, boolean, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import { networkOf, originOf } from '../../relay/http/client-address.ts';
import { createRateLimit } from '../../relay/http/rate-limit.ts';

test('a share is used up, each key has its own, and the next minute begins anew', () => {
  let now = 120_000;
  const rateLimit = createRateLimit(3, () => now);
  expect([1, 2, 3, 4].map(() => rateLimit.take('a'))).toEqual([true, true, true, false]);
  expect([rateLimit.isUsedUp('a'), rateLimit.isUsedUp('b'), rateLimit.take('b')]).toEqual([
    true,
    false,
    true,
  ]);
  now = 179_999;
  expect(rateLimit.take('a')).toBe(false);
  now = 180_000;
  expect([rateLimit.isUsedUp('a'), rateLimit.take('a')]).toEqual([false, true]);
});

test('what is given back can be taken again, and no more than that', () => {
  const rateLimit = createRateLimit(2, () => 0);
  rateLimit.giveBack('a');
  expect([1, 2, 3].map(() => rateLimit.take('a'))).toEqual([true, true, false]);
  rateLimit.giveBack('a');
  expect([1, 2].map(() => rateLimit.take('a'))).toEqual([true, false]);
});

test('twenty thousand keys take the memory of ten thousand, and a newcomer among them has a share of its own', () => {
  const rateLimit = createRateLimit(2, () => 0);
  const taken = Array.from(
    { length: 20_000 },
    (_, index) => rateLimit.take(`key ${index}`) && rateLimit.take(`key ${index}`),
  );
  expect(taken.every(Boolean)).toBe(true);
  // Those of the last ten thousand are counted still, the others are forgotten.
  expect(
    ['key 19999', 'key 10000', 'key 9999', 'newcomer'].map((key) => rateLimit.isUsedUp(key)),
  ).toEqual([true, true, false, false]);
});

test('an address is counted by its network: IPv4 whole, IPv6 by the first 64 bits', () => {
  expect(
    [
      '203.0.113.9',
      '::ffff:203.0.113.9',
      '2001:db8:1:2:3:4:5:6',
      '2001:db8:1:2::1',
      '2001:0db8:0001:0002:ffff::',
      '2001:db8::1',
      '::1',
      'fe80::1%eth0',
      '64:ff9b::203.0.113.9',
      '::',
      '1:2:3:4:5:6:7::',
      'nonsense',
      '',
      '1.2.3',
    ].map(networkOf),
  ).toEqual([
    '203.0.113.9',
    '203.0.113.9',
    '2001:db8:1:2::/64',
    '2001:db8:1:2::/64',
    '2001:db8:1:2::/64',
    '2001:db8:0:0::/64',
    '0:0:0:0::/64',
    'fe80:0:0:0::/64',
    '64:ff9b:0:0::/64',
    '0:0:0:0::/64',
    '1:2:3:4::/64',
    'unknown',
    'unknown',
    'unknown',
  ]);
});

test('two IPv6 addresses have one count exactly when their first 64 bits are equal, however they are written', () => {
  const groups = array(integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
  const write = (parts: number[]): string =>
    new URL(`http://[${parts.map((part) => part.toString(16)).join(':')}]`).hostname.slice(1, -1);
  assert(
    property(groups, groups, boolean(), (one, other, same) => {
      const second = same ? [...one.slice(0, 4), ...other.slice(4)] : other;
      expect(networkOf(write(one))).toBe(
        networkOf(one.map((part) => part.toString(16).padStart(4, '0')).join(':')),
      );
      expect(networkOf(write(one)) === networkOf(write(second))).toBe(
        one.slice(0, 4).join() === second.slice(0, 4).join(),
      );
    }),
    { numRuns: 500 },
  );
});

test('X-Forwarded-For is believed as far as proxies stand in front, and not a step further', () => {
  const from = (forwarded: string | undefined): IncomingMessage =>
    ({
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
      socket: { remoteAddress: '10.0.0.1' },
    }) as unknown as IncomingMessage;
  const [client, proxy] = ['203.0.113.1', '198.51.100.7'];
  expect(
    [0, 1, 2, 3].map((proxies) => originOf(from(`1.1.1.1, ${client}, ${proxy}`), proxies)),
  ).toEqual(['10.0.0.1', proxy, client, '1.1.1.1']);
  expect([0, 1, 2].map((proxies) => originOf(from(client), proxies))).toEqual([
    '10.0.0.1',
    client,
    client,
  ]);
  expect([0, 1].map((proxies) => originOf(from(undefined), proxies))).toEqual([
    '10.0.0.1',
    '10.0.0.1',
  ]);
  expect(originOf(from(' , ,'), 1)).toBe('unknown');
});

/** A request as it comes from a machine, with these headers. */
const requestFrom = (remoteAddress: string, headers: Record<string, string>): IncomingMessage =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage;

test('named proxies are believed and their neighbours are not', () => {
  const trust = parseProxyTrust('127.0.0.1, 10.0.0.0/8,fd00:1::/32');
  const told = (peer: string, forwarded: string): string =>
    originOf(requestFrom(peer, { 'x-forwarded-for': forwarded }), trust);
  expect(told('10.0.0.5', '1.1.1.1, 203.0.113.1')).toBe('203.0.113.1');
  expect(told('::ffff:10.0.0.5', '1.1.1.1, 203.0.113.1, 10.9.9.9')).toBe('203.0.113.1');
  expect(told('fd00:1::7', '2001:db8::1')).toBe('2001:db8:0:0::/64');
  // A neighbour writes what it likes and is counted itself.
  expect(told('172.18.0.3', '203.0.113.1')).toBe('172.18.0.3');
  expect(told('11.0.0.1', '203.0.113.1')).toBe('11.0.0.1');
  expect(told('10.0.0.5', '10.0.0.6, 10.0.0.7')).toBe('10.0.0.6');
  expect(originOf(requestFrom('10.0.0.5', {}), trust)).toBe('10.0.0.5');
  expect(told('10.0.0.5', 'nonsense')).toBe('unknown');
  expect(told('10.0.0.5', `${'9.9.9.9,'.repeat(4000)} 203.0.113.1`)).toBe('203.0.113.1');
});

test('on Fly the proxy is believed, and a machine of the private network is not', () => {
  const headers = {
    'fly-client-ip': '203.0.113.1',
    'x-forwarded-for': '1.1.1.1, 203.0.113.2, 66.241.124.1',
  };
  expect(originOf(requestFrom('172.16.5.226', headers), 'fly')).toBe('203.0.113.1');
  expect(
    originOf(requestFrom('172.16.5.226', { 'x-forwarded-for': headers['x-forwarded-for'] }), 'fly'),
  ).toBe('203.0.113.2');
  expect(
    originOf(requestFrom('172.16.5.226', { ...headers, 'fly-client-ip': 'nonsense' }), 'fly'),
  ).toBe('203.0.113.2');
  expect(originOf(requestFrom('fdaa:0:1da8:a7b::2', headers), 'fly')).toBe('fdaa:0:1da8:a7b::/64');
  expect(parseProxyTrust(' fly ')).toBe('fly');
});

test('TRUST_PROXY is a number, fly, or addresses and ranges', () => {
  expect(['0', '1', ' 2 ', '10'].map(parseProxyTrust)).toEqual([0, 1, 2, 10]);
  for (const wrong of [
    '11',
    '-1',
    '1.5',
    'Fly',
    'yes',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::1/129',
    '1.2.3',
    'proxy.example',
    '10.0.0.1,',
    '10.0.0.1;10.0.0.2',
  ])
    expect(() => parseProxyTrust(wrong), `of ${wrong}`).toThrow(RangeError);
});
