import { isSameNumber } from '../runtime/number-spelling.ts';
import { isOnWhatsapp, isPhoneNumber, parseWhatsappAddress } from '../runtime/person-address.ts';
import type { PersonAddress } from '../runtime/person-address.ts';

/**
 * The two sides of a Twilio message, as Twilio writes them; undefined for a value that is missing,
 * or given more than once with different content.
 */
export type Parties = {
  account: string | undefined;
  ours: string | undefined;
  theirs: string | undefined;
};

/** Why a Twilio message is not for us. */
export type Foreign = 'account' | 'our number' | 'channel of the other side';

/**
 * The result for the two sides: the person, or the reason to ignore the message. `person` is
 * undefined if the address is a WhatsApp address, but neither a number nor a user id.
 */
export type Judgement = { person: PersonAddress | undefined } | { foreign: Foreign };

/**
 * Tells whether a message is between a person and us, on WhatsApp. The sender of an SMS can be
 * forged, so only that channel counts.
 */
export type JudgeParties = (parties: Parties) => Judgement;

/** `accountSid` is our account, `number` our WhatsApp number (E.164). */
export function createJudgeParties(accountSid: string, number: string): JudgeParties {
  const isOurs = (address: string | undefined): boolean => {
    const found = address === undefined ? undefined : parseWhatsappAddress(address);
    return found !== undefined && isPhoneNumber(found) && isSameNumber(found, number);
  };
  return ({ account, ours, theirs }) => {
    if (account !== accountSid) return { foreign: 'account' };
    if (!isOurs(ours)) return { foreign: 'our number' };
    if (theirs === undefined || !isOnWhatsapp(theirs))
      return { foreign: 'channel of the other side' };
    return { person: parseWhatsappAddress(theirs) };
  };
}

/** The single value of a parameter; undefined if it is missing, or has several different values. */
export function onlyValue(form: URLSearchParams, name: string): string | undefined {
  const [first, ...others] = form.getAll(name);
  return others.every((other) => other === first) ? first : undefined;
}
