/** Twilio's answers to a phone of the WhatsApp sandbox; the product never sees these messages. */
const joinedText =
  'Twilio Sandbox: You are all set! The sandbox can now send and receive messages from this number.';
const notJoined =
  'Twilio Sandbox: Your number is not connected to a Sandbox. Send "join" and your sandbox code first.';

/**
 * Who joined the sandbox (https://www.twilio.com/docs/whatsapp/sandbox). A dedicated sender has no
 * such list: then `enabled` is false and every phone counts as joined.
 */
export class Sandbox {
  readonly #enabled: boolean;
  readonly #joined: Set<string>;

  /** @param joined phones (E.164) that joined before. */
  constructor(enabled: boolean, joined: readonly string[]) {
    this.#enabled = enabled;
    this.#joined = new Set(joined);
  }

  /** Whether messages may pass between this phone and the product; error 63015 when not. */
  admits(phone: string): boolean {
    return !this.#enabled || this.#joined.has(phone);
  }

  /**
   * Takes a text before the product does: `join` and a code joins, and a phone that has not joined
   * gets no further.
   * @returns Twilio's own answer to the phone, or undefined when the message goes on to the product.
   */
  intercept(phone: string, text: string): string | undefined {
    if (this.#enabled && /^join\s+\S+$/i.test(text.trim())) {
      this.#joined.add(phone);
      return joinedText;
    }
    return this.admits(phone) ? undefined : notJoined;
  }
}
