/**
 * The countries whose mobile numbers WhatsApp writes in two ways: with and without one digit after
 * the country code or the area code. `long` matches the longer spelling, in which the digit is the
 * second group.
 */
const doubles: readonly { country: string; long: RegExp; short: RegExp; digit: string }[] = [
  // Brazil: area code, the 9 of mobiles (since 2012) and the eight digits of before, which began
  // with 6 to 9. With another first digit the shorter number is a landline.
  {
    country: '+55',
    long: /^(\+55[1-9][1-9])9([6-9]\d{7})$/,
    short: /^(\+55[1-9][1-9])([6-9]\d{7})$/,
    digit: '9',
  },
  // Mexico: the 1 of mobiles (until 2019) and ten digits. No area code begins with 0 or 1.
  { country: '+52', long: /^(\+52)1([2-9]\d{9})$/, short: /^(\+52)([2-9]\d{9})$/, digit: '1' },
  // Argentina: the 9 of mobiles and ten digits. Area codes begin with 1, 2 or 3.
  { country: '+54', long: /^(\+54)9([123]\d{9})$/, short: /^(\+54)([123]\d{9})$/, digit: '9' },
];

/**
 * One form for all spellings of a number (E.164): the shorter one. A number with a single spelling
 * is itself.
 */
export function canonicalNumber(number: string): string {
  const double = doubles.find(({ country }) => number.startsWith(country));
  return double ? number.replace(double.long, '$1$2') : number;
}

/** The other way in which WhatsApp may write a number (E.164); undefined when there is none. */
export function otherSpelling(number: string): string | undefined {
  const double = doubles.find(({ country }) => number.startsWith(country));
  if (double?.long.test(number)) return number.replace(double.long, '$1$2');
  return double?.short.test(number)
    ? number.replace(double.short, `$1${double.digit}$2`)
    : undefined;
}

/** Whether both (E.164) are one number. */
export function isSameNumber(one: string, other: string): boolean {
  return canonicalNumber(one) === canonicalNumber(other);
}

/**
 * Where, counted in characters from the plus, a trunk or mobile digit stands: after a country code
 * of one to three digits, or after Brazil's area code.
 */
const prefixPlaces = [2, 3, 4, 5] as const;

/**
 * Whether one (E.164) becomes the other by a digit more after the country code: a trunk 0 that does
 * not belong there, or a mobile digit too few. They may well be two numbers: it is a hint for the
 * person who wrote one of them down.
 */
export function isNearNumber(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return (
    long.length === short.length + 1 &&
    prefixPlaces.some((place) => long.slice(0, place) + long.slice(place + 1) === short)
  );
}
