import { e164Pattern, userIdPattern } from './account.ts';

/**
 * How a phone's messages name it: by its number, with the user id beside it; by its user id, with
 * the number beside it; or by the user id alone, as of a person whose user name hides the number.
 */
export type WritesAs = 'number' | 'id' | 'id alone';

/**
 * The sender in a webhook: Twilio's `From` and `ExternalUserId` without `whatsapp:`, and `WaId`.
 */
export type SenderNames = { from: string; userId: string; waId: string | undefined };

/**
 * The addresses of phones. A phone is named by its number (E.164) or, when it never had one here,
 * by its user id. A phone with a number has a user id as well, and receives what is sent to either.
 */
export class Addresses {
  readonly #writesAs = new Map<string, WritesAs>();
  readonly #phones = new Map<string, string>();

  /** @throws RangeError when the address is neither a number nor a user id. */
  check(address: string): void {
    if (e164Pattern.test(address) || userIdPattern.test(address)) return;
    throw new RangeError(
      `"${address}" is not a phone number such as +15551230001, and no user id such as US.13491208655302741918.`,
    );
  }

  /**
   * Sets how the phone's messages name it from now on. @throws RangeError for a phone without a
   * number.
   */
  writeAs(phone: string, how: WritesAs): void {
    if (!e164Pattern.test(phone)) throw new RangeError(`${phone} has no number to write as.`);
    this.#phones.set(this.userIdOf(phone), phone);
    this.#writesAs.set(phone, how);
  }

  userIdOf(phone: string): string {
    return e164Pattern.test(phone) ? `ID.${phone.slice(1).padStart(16, '1')}` : phone;
  }

  /** The phone behind an address. */
  phoneOf(address: string): string {
    return this.#phones.get(address) ?? address;
  }

  sender(phone: string): SenderNames {
    const userId = this.userIdOf(phone);
    const how = e164Pattern.test(phone) ? (this.#writesAs.get(phone) ?? 'number') : 'id alone';
    return {
      from: how === 'number' ? phone : userId,
      userId,
      waId: how === 'id alone' ? undefined : phone.slice(1),
    };
  }
}
