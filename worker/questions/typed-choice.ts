import { toTappable } from '../../shared/store/choices.ts';
import type { ChoiceItem, Choices } from '../../shared/store/choices.ts';
import type { Reply, ReplyStatus } from '../../shared/store/reply.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { isCommandLike } from '../commands/command.ts';
import { readStop } from '../turn/stop-words.ts';

/** The choices under a message of ours that are still open, and that message. */
export type Offer = {
  choices: Choices;
  /** When the message was put (ms since 1970). */
  at: number;
  /** When something newer was said to the person, if it was (ms since 1970). */
  until?: number;
};

/** The longest text that is compared with titles (characters). */
const longest = 200;

/** What has not reached the person was not read. */
const unread = new Set<ReplyStatus>(['waiting', 'parked', 'failed', 'withdrawn']);

/** Words that say yes or no and nothing else, in the most written languages. */
const yesWords = new Set(
  'yes y yep yeah yup ja jawohl oui si sí sì sim да так tak evet ναι نعم כן हाँ हां はい 是 是的 네 예 👍'.split(
    ' ',
  ),
);
const noWords = new Set(
  'no n nope nah nein nee nej nei non não nao нет ні nie hayır hayir όχι لا לא नहीं いいえ 不 不是 아니 아니요 👎'.split(
    ' ',
  ),
);

/**
 * Choices of ours that a text may name, which are those of commands and those about a late answer:
 * an open question of Claude's reads its own answers. Undefined for every other message.
 */
export function offerOf(reply: Reply | undefined, until?: string): Offer | undefined {
  const { choices, status, at } = reply ?? {};
  if (!choices || choices.tapOnly || at === undefined) return undefined;
  if (status === undefined || unread.has(status)) return undefined;
  if (!choices.items.every(({ id }) => id.startsWith('/') || id.startsWith('after.')))
    return undefined;
  return { choices, at: Date.parse(at), ...(until ? { until: Date.parse(until) } : {}) };
}

/** Whether a message may name a choice in its text; a stop stays a stop. */
export function mayName({ text, choice, media, location, ...message }: Message): boolean {
  const isText = choice === undefined && media.length === 0 && location === undefined;
  const isPlain = text.length <= longest && !isCommandLike(text) && readStop(text) !== 'stop';
  return isText && isFromPerson(message) && isPlain;
}

/**
 * Whether a message that quotes nothing came while the offer was the last thing said, and within
 * `lifetimeMs` of it. `before` are the person's messages that wait before it: what they ask for has
 * come between. `askedAt` is when an open question of Claude's was asked (ms since 1970).
 */
export function isFor(
  { at, until = Infinity }: Offer,
  message: Message,
  before: readonly Message[],
  lifetimeMs: number,
  askedAt: number,
): boolean {
  const sent = Date.parse(message.at);
  if (sent < at || sent > at + lifetimeMs || sent >= until || askedAt >= at) return false;
  return !before.some(
    (other) =>
      isFromPerson(other) &&
      other.choice === undefined &&
      Date.parse(other.at) >= at &&
      !isCommandLike(other.text),
  );
}

/**
 * The choice that a text names: by its title in any case, whole or as WhatsApp shows it, or, where
 * the message asks something, by its number, such as “2” or “2.”. A bare yes is the first of
 * buttons, a bare no the last of several.
 */
export function readTyped(choices: Choices, text: string): ChoiceItem | undefined {
  const { kind, items, told } = choices;
  const said = fold(text);
  const shown = toTappable(choices)?.items ?? [];
  const named = items.filter(
    ({ id, title }) =>
      fold(title) === said || shown.some((item) => item.id === id && fold(item.title) === said),
  );
  if (named.length > 0 || told) return named.length === 1 ? named[0] : undefined;
  const [, number] = /^#?(\d{1,2})[.):]?$/.exec(said) ?? [];
  if (number !== undefined) return items[Number(number) - 1];
  if (kind !== 'buttons') return undefined;
  if (yesWords.has(said)) return items[0];
  return noWords.has(said) && items.length > 1 ? items.at(-1) : undefined;
}

/** Ignores case, the number of blanks, invisible marks and the signs at the end. */
function fold(text: string): string {
  return withoutSigns(
    text
      .normalize('NFKC')
      .replaceAll(/[\p{Cf}\p{Emoji_Modifier}\u{FE0F}]/gu, '')
      .trim()
      .replaceAll(/\s+/g, ' ')
      .replace(/^[“"'‘«]+(?=\p{L})/u, ''),
  ).toLowerCase();
}

const closingSigns = new Set('.!,。！”"\'’»');

/** The text without the signs that stand behind its last letter. */
function withoutSigns(text: string): string {
  const signs = [...text];
  while (closingSigns.has(signs.at(-1) ?? '')) signs.pop();
  return /^\p{L}$/u.test(signs.at(-1) ?? '') ? signs.join('') : text;
}
