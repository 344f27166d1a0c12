import { isSameNumber } from '../runtime/number-spelling.ts';
import { isOnWhatsapp, isPhoneNumber, parseWhatsappAddress } from '../runtime/person-address.ts';
import type { PersonAddress } from '../runtime/person-address.ts';

/**
 * Whom a message of Twilio's is between, as Twilio writes it; undefined for what is missing, or
 * given more than once in different words.
 */
export type Parties = {
  account: string | undefined;
  ours: string | undefined;
  theirs: string | undefined;
};

/** Why something of Twilio's is no business of ours. */
export type Foreign = 'account' | 'our number' | 'channel of the other side';

/**
 * What is known of the parties: who the person is, or what is wrong. `person` is undefined when the
 * address is WhatsApp's and still no number and no user id.
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

/** The one value that a parameter has; undefined when it has none, or several different ones. */
export function onlyValue(form: URLSearchParams, name: string): string | undefined {
  const [first, ...others] = form.getAll(name);
  return others.every((other) => other === first) ? first : undefined;
}
