import { sandboxNumber } from '../../shared/store/send-rate.ts';

/**
 * Our WhatsApp number, and the words that let a phone into Twilio's sandbox, such as `join a-b`.
 */
export type ChatNumber = { number: string; joinWords: string | undefined };

/** The address that opens a chat with us on the reader's phone, with a first text in it. */
export function chatLink({ number, joinWords }: ChatNumber): string {
  const text = number === sandboxNumber ? joinWords : 'Hello';
  const digits = number.replace('+', '');
  return `https://wa.me/${digits}${text === undefined ? '' : `?text=${encodeURIComponent(text)}`}`;
}

/** What the owner passes on to an invited person. */
export function passOnWords(chat: ChatNumber, shown: string, days: number): string {
  const link = chatLink(chat);
  if (chat.number !== sandboxNumber)
    return `${shown} may write to me now; the first message has to come within ${days} days. Pass this link or the picture on; it opens our chat:\n${link}`;
  const join =
    chat.joinWords === undefined
      ? '“join” and the two words that Twilio’s console shows you'
      : `“${chat.joinWords}”`;
  return `${shown} may write to me now; the first message has to come within ${days} days. I am in Twilio’s sandbox, so they send ${join} first, and then whatever they want. Pass this link or the picture on; it opens our chat:\n${link}`;
}
