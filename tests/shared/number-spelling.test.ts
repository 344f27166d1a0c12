import { array, assert, constantFrom, property, stringMatching } from 'fast-check';
import { getCountries, getExampleNumber } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { expect, test } from 'vitest';
import {
  canonicalNumber,
  nearNumbers,
  isSameNumber,
  otherSpelling,
} from '../../shared/runtime/number-spelling.ts';

/** Numbers as E.164 has them, many of them in the three countries or nearly so. */
const number = stringMatching(
  /^\+(55[1-9]{2}9?[1-9]\d{7}|521?[1-9]\d{9}|549?[1-9]\d{9}|[1-9]\d{6,14})$/,
);

const pairs = [
  ['+5511987654321', '+551187654321'],
  ['+5585999990000', '+558599990000'],
  ['+5531966660000', '+553166660000'],
  ['+5215512345678', '+525512345678'],
  ['+5213312345678', '+523312345678'],
  ['+5491123456789', '+541123456789'],
  ['+5493512345678', '+543512345678'],
] as const;

const different = [
  // A landline of São Paulo, and the mobile that has a 9 before the same digits.
  ['+551132345678', '+5511932345678'],
  ['+551154321234', '+5511954321234'],
  ['+5511987654321', '+5521987654321'],
  ['+5511987654321', '+5511987654322'],
  // Not ten digits after the 1 or the 9, and area codes that do not exist.
  ['+521551234567', '+52551234567'],
  ['+5211512345678', '+521512345678'],
  ['+549112345678', '+54112345678'],
  ['+5499123456789', '+549123456789'],
  // Other countries whose numbers only look so.
  ['+15512345678', '+1512345678'],
  ['+351912345678', '+35112345678'],
  ['+56987654321', '+5687654321'],
] as const;

test.each(pairs)('%s and %s are one number', (long, short) => {
  expect(isSameNumber(long, short)).toBe(true);
  expect([otherSpelling(long), otherSpelling(short)]).toEqual([short, long]);
  expect([canonicalNumber(long), canonicalNumber(short)]).toEqual([short, short]);
});

test.each(different)('%s and %s are two', (one, other) => {
  expect(isSameNumber(one, other)).toBe(false);
});

test('a canonical number is its own, the other spelling leads back, and no number is one of another country', () => {
  assert(
    property(number, (one) => {
      const canonical = canonicalNumber(one);
      expect(canonicalNumber(canonical)).toBe(canonical);
      expect(canonical.slice(0, 3)).toBe(one.slice(0, 3));
      const other = otherSpelling(one) ?? one;
      expect([one, other]).toContain(canonical);
      expect(otherSpelling(other) ?? other).toBe(one);
      expect(isSameNumber(one, other)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test('among any numbers at most two are the same, and those are each other’s spelling', () => {
  assert(
    property(array(number, { maxLength: 30 }), (numbers) => {
      for (const same of Map.groupBy(new Set(numbers), canonicalNumber).values()) {
        expect(same.length).toBeLessThanOrEqual(2);
        expect([same[0], otherSpelling(same[0] ?? '')]).toContain(same.at(-1));
      }
    }),
  );
});

test('the mobile numbers that each country gives as an example stay numbers of their own, and only the three countries have a second spelling', () => {
  const mobiles = getCountries().flatMap(
    (country) => getExampleNumber(country, examples)?.number ?? [],
  );
  expect(mobiles.length).toBeGreaterThan(200);
  const spelled = new Set<string>();
  for (const mobile of mobiles)
    if (otherSpelling(mobile) !== undefined) spelled.add(mobile.slice(0, 3));
  expect([...spelled].toSorted()).toEqual(['+52', '+54', '+55']);
  expect(new Set(mobiles.map(canonicalNumber)).size).toBe(new Set(mobiles).size);
});

test('no landline of Brazil is taken for a mobile', () => {
  assert(
    property(stringMatching(/^\+55[1-9]{2}[2-5]\d{7}$/), constantFrom('9'), (landline, digit) => {
      const withDigit = landline.slice(0, 5) + digit + landline.slice(5);
      expect(isSameNumber(landline, withDigit)).toBe(false);
      expect(otherSpelling(landline)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

const isNear = (one: string, other: string): boolean => nearNumbers(one).includes(other);

test('a digit more after the country code is near, whichever has it; anything else is not', () => {
  for (const [one, other] of [
    ['+4401632960123', '+441632960123'],
    ['+39012345678', '+3912345678'],
    ['+551154321234', '+5511954321234'],
    ['+17555123100', '+1755512310'],
    ['+2250123456789', '+225123456789'],
  ] as const) {
    const expected = one !== '+17555123100';
    expect([isNear(one, other), isNear(other, one)], `${one} ${other}`).toEqual([
      expected,
      expected,
    ]);
  }
  expect(isNear('+15551230001', '+15551230001')).toBe(false);
  expect(isNear('+15551230001', '+15551230002')).toBe(false);
});

test('the numbers of countries that have put two digits before them are near to the old ones, and not the same', () => {
  for (const [old, present, expected] of [
    ['+22997123456', '+2290197123456', true],
    ['+22507123456', '+2250707123456', true],
    ['+22520123456', '+2252720123456', true],
    ['+22997123456', '+2290297123456', false],
    ['+22997123456', '+2290197123457', false],
    ['+22507123456', '+2250907123456', false],
    ['+22897123456', '+2280197123456', false],
  ] as const) {
    expect([present, isNear(old, present), isNear(present, old)]).toEqual([
      present,
      expected,
      expected,
    ]);
    expect(isSameNumber(old, present)).toBe(false);
  }
});
