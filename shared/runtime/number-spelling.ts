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
 * The countries that put two digits before all of their eight digits, which their people may still
 * know and WhatsApp may still have in the old form: Benin on 30 November 2024 (01), Côte d’Ivoire on
 * 31 January 2021 (by operator). Later subscribers of Côte d’Ivoire may differ in these digits
 * alone, so the two forms are not taken for one number.
 */
const renumbered: readonly { country: string; digits: readonly string[] }[] = [
  { country: '+229', digits: ['01'] },
  { country: '+225', digits: ['01', '05', '07', '21', '25', '27'] },
];

/**
 * The numbers (E.164) that have one digit more or less than this one after the country code (a
 * superfluous trunk 0, or a missing mobile digit), or the two digits of a new numbering plan: at
 * most fifty. They may still be other people's: it is a hint for the operator who configured one of
 * them.
 */
export function nearNumbers(number: string): string[] {
  const shorter = prefixPlaces.map((place) => number.slice(0, place) + number.slice(place + 1));
  const longer = prefixPlaces.flatMap((place) =>
    [...'0123456789'].map((digit) => number.slice(0, place) + digit + number.slice(place)),
  );
  const plans = renumbered.flatMap(({ country, digits }) => {
    const own = number.startsWith(country) ? number.slice(country.length) : '';
    if (own.length === 8) return digits.map((two) => country + two + own);
    const isNew = own.length === 10 && digits.includes(own.slice(0, 2));
    return isNew ? [country + own.slice(2)] : [];
  });
  return [...new Set([...plans, ...shorter, ...longer])];
}
