import { z } from 'zod';
import { cut, cutLines } from '../runtime/cut.ts';

const Item = z.object({ id: z.string(), title: z.string(), description: z.string().optional() });
export type ChoiceItem = z.infer<typeof Item>;

/**
 * The choices under a message: up to 3 buttons, or a list of up to 10 items that opens with a
 * button. Titles may have any length here, and more items are kept, too: `toTappable` and
 * `numberedText` fit them to WhatsApp's limits. A tap returns the item's id. `told`: the message
 * asks no question, and its text already says what to write instead of a tap. `tapOnly`: no text
 * counts as a tap.
 */
export const Choices = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('buttons'),
    items: z.array(Item).min(1),
    told: z.boolean().optional(),
    tapOnly: z.boolean().optional(),
  }),
  z.object({
    kind: z.literal('list'),
    button: z.string(),
    items: z.array(Item).min(1),
    told: z.boolean().optional(),
    tapOnly: z.boolean().optional(),
  }),
]);
export type Choices = z.infer<typeof Choices>;

/**
 * WhatsApp's limits according to Twilio (twilio.com/docs/content/twilio-quick-reply,
 * …/twilio-list-picker), in UTF-16 units, the strictest way to count.
 */
const limits = { buttons: 3, items: 10, id: 200, buttonTitle: 20, itemTitle: 24, description: 72 };

/** The longest text of a message without buttons (Twilio's error 21617). */
const longestText = 1600;

/**
 * The choices within WhatsApp's limits: titles are shortened, non-empty and distinct, and more than
 * 3 buttons become a list. Undefined if they cannot be tapped at all: too many of them, or ids that
 * are empty, too long or duplicated.
 */
export function toTappable(choices: Choices): Choices | undefined {
  const { items } = choices;
  const ids = new Set(items.map(({ id }) => id));
  if (items.length === 0 || items.length > limits.items || ids.size < items.length)
    return undefined;
  if (
    items.some(
      ({ id }) => id === '' || id.trim() !== id || id.length > limits.id || !id.isWellFormed(),
    )
  )
    return undefined;
  if (choices.kind === 'buttons' && items.length <= limits.buttons) {
    const titles = distinctTitles(items, limits.buttonTitle);
    return {
      kind: 'buttons',
      items: items.map(({ id }, index) => ({ id, title: titles[index] ?? '' })),
    };
  }
  const titles = distinctTitles(items, limits.itemTitle);
  const button = cut(choices.kind === 'list' ? choices.button : '', limits.buttonTitle) || 'Choose';
  return {
    kind: 'list',
    button,
    items: items.map((item, index) => toRow(item, titles[index] ?? '')),
  };
}

/** The full text of a shortened title becomes the description, if there is no other. */
function toRow({ id, title, description = '' }: ChoiceItem, cutTitle: string): ChoiceItem {
  const full = cut(title, Infinity);
  const shown =
    cut(description, limits.description) ||
    (full.length > limits.itemTitle ? cut(full, limits.description) : '');
  return { id, title: cutTitle, ...(shown ? { description: shown } : {}) };
}

/**
 * Titles of at most `length` characters. WhatsApp refuses duplicates, and a person could not
 * distinguish them: a later duplicate gets a number.
 */
function distinctTitles(items: ChoiceItem[], length: number): string[] {
  const titles: string[] = [];
  for (const [index, item] of items.entries()) {
    const wanted = cut(item.title, Infinity) || `Option ${index + 1}`;
    let title = cut(wanted, length);
    for (let number = 2; titles.includes(title); number += 1)
      title = `${cut(wanted, length - ` ${number}`.length)} ${number}`;
    titles.push(title);
  }
  return titles;
}

/**
 * The message as plain text, for when it cannot be tapped: its text, and for a question the
 * numbered choices with instructions. Never longer than Twilio's 1600 characters: drops
 * descriptions first, then the ends of titles, and of the text only the part beyond `roomForText`.
 */
export function numberedText(text: string, choices: Choices): string {
  const body = text.trim();
  if (choices.told && body !== '') return cutLines(body, longestText);
  if (body === '')
    return tails(choices).find((tail) => tail.length <= longestText) ?? shortestTail(choices);
  const tail =
    tails(choices).find((tail) => body.length + 2 + tail.length <= longestText) ??
    shortestTail(choices);
  return `${cutLines(body, longestText - 2 - tail.length)}\n\n${tail}`;
}

/**
 * How many characters of a question's text are guaranteed to arrive, even if its choices have to be
 * written out under it.
 */
export function roomForText(choices: Choices): number {
  return choices.told ? longestText : longestText - 2 - shortestTail(choices).length;
}

/**
 * The written-out choices, from the most detailed form to the shortest. Buttons have no
 * descriptions in WhatsApp: the text has all the details.
 */
function tails({ kind, items }: Choices): string[] {
  const write = (described: boolean, length: number): string => {
    const lines = items.map(({ title, description = '' }, index) => {
      const more = described ? cut(description, Infinity) : '';
      return `${index + 1}. ${cut(title, length) || `Option ${index + 1}`}${more ? `: ${more}` : ''}`;
    });
    return `${lines.join('\n')}\n\n${items.length > 1 ? 'Answer with a number.' : 'Answer with 1.'}`;
  };
  return [
    write(kind === 'list', Infinity),
    write(false, Infinity),
    write(false, 60),
    write(false, 20),
  ];
}

/** At most half of a message. */
function shortestTail(choices: Choices): string {
  return cutLines(tails(choices).at(-1) ?? '', longestText / 2);
}
