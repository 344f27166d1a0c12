import {
  getCountries,
  getCountryCallingCode,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import type { CountryCode, PhoneNumber } from 'libphonenumber-js/max';
import { PersonAddress, isPhoneNumber } from '../../shared/runtime/person-address.ts';

/**
 * What a text was understood as: `address` in the form of the system, `shown` as people write it,
 * and its country in English. `isKnown`: numbers like it are in use in that country.
 */
export type ReadNumber = {
  address: PersonAddress;
  shown: string;
  country: string;
  isKnown: boolean;
};

/** Marks that phones and address books put around a number they copy, and names of its kind. */
const around = /\p{Cf}|^\s*(?:tel|whatsapp):/giu;

/** The longest text that is looked at (characters): the rules for it are not made for more. */
const longest = 64;

/**
 * Reads a phone number however it is spelt: with spaces and dashes, with 00 for the plus, without
 * both, or as it is dialled in the country of the number `near`. Also a WhatsApp user id. Undefined
 * when the text is neither, or has anything else in it.
 */
export function readNumber(text: string, near: string): ReadNumber | undefined {
  if (text.length > longest) return undefined;
  const plain = text.normalize('NFKC').replaceAll(around, '').trim();
  if (plain === '') return undefined;
  const userId = PersonAddress.safeParse(plain).data;
  if (userId !== undefined && !isPhoneNumber(userId)) return readUserId(userId);
  const number = candidates(plain, near).toSorted((one, other) => rank(one) - rank(other))[0];
  const address = PersonAddress.safeParse(number?.number).data;
  if (!number?.isPossible() || address === undefined || number.ext !== undefined) return undefined;
  return {
    address,
    shown: number.formatInternational(),
    country: countryWords(number),
    isKnown: number.isValid(),
  };
}

/** The number as people write it; an address of another kind as it is. */
export function showNumber(address: string): string {
  const number = isPhoneNumber(address) ? parsePhoneNumberFromString(address) : undefined;
  return number?.formatInternational() ?? address;
}

function readUserId(address: PersonAddress): ReadNumber {
  return { address, shown: address, country: nameOf(address.slice(0, 2)), isKnown: true };
}

function candidates(text: string, near: string): (PhoneNumber | undefined)[] {
  const parse = (digits: string, defaultCountry?: CountryCode): PhoneNumber | undefined =>
    parsePhoneNumberFromString(digits, {
      ...(defaultCountry ? { defaultCountry } : {}),
      extract: false,
    });
  if (text.startsWith('+')) return [parse(text)];
  if (text.startsWith('00')) return [parse(`+${text.slice(2)}`)];
  const home = isPhoneNumber(near) ? parsePhoneNumberFromString(near) : undefined;
  return [home && parse(text, home.country ?? mainCountry(home)), parse(`+${text}`)];
}

/** What WhatsApp has most of goes first: mobile numbers, then others in use, then possible ones. */
function rank(number: PhoneNumber | undefined): number {
  if (!number?.isPossible()) return 3;
  if (!number.isValid()) return 2;
  return /MOBILE/.test(number.getType() ?? '') ? 0 : 1;
}

/** The first of the countries that share a calling code. */
function mainCountry({ countryCallingCode }: PhoneNumber): CountryCode | undefined {
  const shared = getCountries().filter(
    (country) => getCountryCallingCode(country) === countryCallingCode,
  );
  return shared.find((country) => country === 'US' || country === 'GB') ?? shared[0];
}

function countryWords(number: PhoneNumber): string {
  const { country, countryCallingCode } = number;
  return country === undefined ? `a number with +${countryCallingCode}` : nameOf(country);
}

function nameOf(country: string): string {
  return new Intl.DisplayNames('en', { type: 'region', fallback: 'code' }).of(country) ?? country;
}
