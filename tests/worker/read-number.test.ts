import { assert, oneof, property, string, stringMatching } from 'fast-check';
import { expect, test } from 'vitest';
import { PersonAddress } from '../../shared/runtime/person-address.ts';
import { readLimit } from '../../worker/commands/read-limit.ts';
import { readNumber, showNumber } from '../../worker/people/read-number.ts';
import { anyCharacter } from '../support/any-character.ts';

const [american, german] = ['+12125550123', '+4930901820'];

test.each([
  ['+55 11 98765-4321', american, '+5511987654321', 'Brazil'],
  ['55 11 98765 4321', american, '+5511987654321', 'Brazil'],
  ['0049 170 1234567', american, '+491701234567', 'Germany'],
  ['+49 (0)170 1234567', american, '+491701234567', 'Germany'],
  ['0170/1234567', german, '+491701234567', 'Germany'],
  ['49 170 1234567', german, '+491701234567', 'Germany'],
  ['(212) 555-0187', american, '+12125550187', 'United States'],
  ['whatsapp:+447400123456', american, '+447400123456', 'United Kingdom'],
  ['\u202A+44\u00A07400\u2011123456\u202C', american, '+447400123456', 'United Kingdom'],
  ['＋４４ 7400 123456', american, '+447400123456', 'United Kingdom'],
  ['+5491123456789', american, '+5491123456789', 'Argentina'],
  ['US.13491208655302741918', german, 'US.13491208655302741918', 'United States'],
])('“%s” near %s is %s in %s', (text, near, address, country) => {
  expect(readNumber(text, near)).toMatchObject({ address, country, isKnown: true });
});

test('a number that nobody has is read, and said to be unknown', () => {
  expect(readNumber('+1 555 123 0002', american)).toEqual({
    address: '+15551230002',
    shown: '+1 555 123 0002',
    country: expect.stringMatching(/^(?:United States|a number with \+1)$/),
    isKnown: false,
  });
});

test.each([
  '',
  '+',
  '12',
  'Ana',
  '+49 170 1234567 please',
  'please +49 170 1234567',
  '+49 170 1234567, +49 170 1234568',
  '+49 170 1234567 ext. 5',
  '1-800-FLOWERS',
  '+999 123456789',
  '+49170123456789012345',
  '00',
  '++491701234567',
  'yes 0123456789abcdef01234567',
])('“%s” is no number', (text) => {
  expect(readNumber(text, german)).toBeUndefined();
});

test('a number is shown as people write it, and another address as it is', () => {
  expect(['+5511987654321', 'US.1', 'nothing'].map(showNumber)).toEqual([
    '+55 11 98765 4321',
    'US.1',
    'nothing',
  ]);
});

test.each([
  ['+49 170 1234567 $5', '+49 170 1234567', 5],
  ['+49 170 1234567 $ 2.50', '+49 170 1234567', 2.5],
  ['0049 170 1234567 2,5', '0049 170 1234567', 2.5],
  ['+49 170 1234567 5 dollars a day', '+49 170 1234567', 5],
  ['+49 170 1234567 5$', '+49 170 1234567', 5],
  ['+49 170 1234567 US$10000', '+49 170 1234567', 10_000],
  ['+49 170 1234567 $10001', '+49 170 1234567', 'bad'],
  ['+49 170 1234567 $0', '+49 170 1234567', 0],
  ['+49 170 1234567 off', '+49 170 1234567', 'off'],
  ['+49 170 1234567', '+49 170 1234567', undefined],
  ['+49 170 1234567 much', '+49 170 1234567', 'bad'],
  ['+49 170 1234567 -$5', '+49 170 1234567 -', 'bad'],
  ['+49 170 1234567 5', '+49 170 1234567', 5],
  ['+49 170 1234567 -1', '+49 170 1234567', 'bad'],
  ['+49 170 1234567 ٣', '+49 170 1234567', 'bad'],
  ['+49 170 12345 67', '+49 170 12345 67', undefined],
  ['US.1 $5', 'US.1', 5],
  ['Ana', 'Ana', undefined],
  ['$5', '', 5],
])('“/limit %s” is about “%s”, with %s', (text, number, usd) => {
  const isPerson = (part: string): boolean => readNumber(part, german)?.address === '+491701234567';
  expect(readLimit(text, (part) => readNumber(part, german) !== undefined, isPerson)).toEqual({
    number,
    usd,
  });
});

test('whatever stands behind /invite, /remove or /limit is an address or nothing, and an amount or nothing', () => {
  const texts = oneof(
    string({ unit: anyCharacter, maxLength: 300 }),
    stringMatching(/^[+0]?[\d ()/.-]{0,40}(?: \$?[\d.,]{0,9})?$/),
    stringMatching(/^[A-Z]{2}\.[A-Za-z0-9]{0,140}$/),
  );
  assert(
    property(
      texts,
      oneof(stringMatching(/^\+[1-9]\d{6,14}$/), stringMatching(/^[A-Z]{2}\.\d{1,9}$/)),
      (text, near) => {
        const read = readNumber(text, near);
        expect(read === undefined || PersonAddress.safeParse(read.address).success).toBe(true);
        const { usd } = readLimit(text, (part) => readNumber(part, near) !== undefined);
        expect(typeof usd !== 'number' || (usd >= 0 && usd <= 10_000)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});
