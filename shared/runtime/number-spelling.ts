/**
 * The countries whose mobile numbers have two spellings in WhatsApp: with and without one digit
 * after the country code or the area code. `long` matches the longer spelling, in which the digit
 * is the second group.
 */
const doubles: readonly { country: string; long: RegExp; short: RegExp; digit: string }[] = [
  // Brazil: area code, the mobile prefix 9 (since 2012) and the earlier eight digits, which began
  // with 6 to 9. With another first digit the shorter number is a landline.
  {
    country: '+55',
    long: /^(\+55[1-9][1-9])9([6-9]\d{7})$/,
    short: /^(\+55[1-9][1-9])([6-9]\d{7})$/,
    digit: '9',
  },
  // Mexico: the mobile prefix 1 (until 2019) and ten digits. No area code begins with 0 or 1.
  { country: '+52', long: /^(\+52)1([2-9]\d{9})$/, short: /^(\+52)([2-9]\d{9})$/, digit: '1' },
  // Argentina: the mobile prefix 9 and ten digits. Area codes begin with 1, 2 or 3.
  { country: '+54', long: /^(\+54)9([123]\d{9})$/, short: /^(\+54)([123]\d{9})$/, digit: '9' },
];

/**
 * The canonical spelling of a number (E.164): the shorter one. A number with a single spelling is
 * returned unchanged.
 */
export function canonicalNumber(number: string): string {
  const double = doubles.find(({ country }) => number.startsWith(country));
  return double ? number.replace(double.long, '$1$2') : number;
}

/** The other spelling of a number (E.164) in WhatsApp; undefined if it has only one. */
export function otherSpelling(number: string): string | undefined {
  const double = doubles.find(({ country }) => number.startsWith(country));
  if (double?.long.test(number)) return number.replace(double.long, '$1$2');
  return double?.short.test(number)
    ? number.replace(double.short, `$1${double.digit}$2`)
    : undefined;
}

/** Whether both spellings (E.164) are the same number. */
export function isSameNumber(one: string, other: string): boolean {
  return canonicalNumber(one) === canonicalNumber(other);
}

/**
 * The possible positions of a trunk or mobile digit, in characters from the plus: after a country
 * code of one to three digits, or after Brazil's area code.
 */
const prefixPlaces = [2, 3, 4, 5] as const;

/**
 * The countries that put two digits before all of their numbers, which their people may still know
 * and WhatsApp may still have in the old form: Benin on 30 November 2024 (01), Côte d’Ivoire on 31
 * January 2021 (by operator). Later subscribers of Côte d’Ivoire may differ in these digits alone,
 * so the two forms are not taken for one number.
 */
const renumbered = [/^(\+229)01(\d{8})$/, /^(\+225)(?:01|05|07|21|25|27)(\d{8})$/] as const;

/**
 * Whether one number (E.164) has one more digit than the other after the country code (a
 * superfluous trunk 0, or a missing mobile digit), or the two digits of a new numbering plan. They
 * may still be two different numbers: it is a hint for the operator who configured one of them.
 */
export function isNearNumber(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  if (renumbered.some((plan) => plan.test(long) && long.replace(plan, '$1$2') === short))
    return true;
  return (
    long.length === short.length + 1 &&
    prefixPlaces.some((place) => long.slice(0, place) + long.slice(place + 1) === short)
  );
}
