/**
 * A number and what it may cost in a day (US dollars): undefined when only the number is given,
 * `bad` when the rest cannot be read.
 */
export type ReadLimit = { number: string; usd: number | 'off' | 'bad' | undefined };

/** The most that a limit may be (US dollars). */
const most = 10_000;

const amount = String.raw`(\d{1,9}(?:[.,]\d{1,2})?)`;
const withSign = new RegExp(String.raw`^(.*?) ?(?:us)?\$ ?${amount}$`, 'i');
const withUnit = new RegExp(String.raw`^(.*?) ${amount} ?(?:\$|usd|us dollars?|dollars?)$`, 'i');
const bare = /^(.*) (\S+)$/;

/** An amount may be less than nothing only in what people write. */
const minus = /[-\u2010-\u2015\u2212]$/;

/**
 * Splits what follows `/limit`: a number in any spelling, and an amount such as `$5`, `5 dollars`,
 * `2.50` or `off`. `isNumber` says whether a text is one, `isPerson` whether it is the number of
 * somebody who may write: where phone numbers have no fixed length, a bare amount could be a
 * number's end.
 */
export function readLimit(
  text: string,
  isNumber: (text: string) => boolean,
  isPerson: (text: string) => boolean = isNumber,
): ReadLimit {
  const words = text.trim().split(/\s+/).join(' ');
  const plain = words.replace(/ (?:a|per) day[.!]?$/i, '');
  const signed = withSign.exec(plain) ?? withUnit.exec(plain);
  if (signed) {
    const number = (signed[1] ?? '').trim();
    return { number, usd: minus.test(number) ? 'bad' : dollarsOf(signed[2] ?? '') };
  }
  const [, number = '', last = ''] = bare.exec(plain) ?? [];
  if (/^(?:off|none|no|unlimited)$/i.test(last)) return { number, usd: 'off' };
  const usd = new RegExp(`^${amount}$`).test(last) ? dollarsOf(last) : 'bad';
  // All of it may be a number with spaces.
  const isWhole = isNumber(plain) && !(isPerson(number) && !isPerson(plain));
  return isWhole || !isNumber(number) ? { number: plain, usd: undefined } : { number, usd };
}

function dollarsOf(digits: string): number | 'bad' {
  const usd = Number(digits.replace(',', '.'));
  return usd <= most ? usd : 'bad';
}
