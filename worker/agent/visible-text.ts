/**
 * What a phone does not show, or what turns the order of the text around it: control and format
 * characters, marks of direction, tags, private and unassigned characters. Joiners stay between two
 * letters or emoji, where Persian, the scripts of India and families of emoji need them, and so
 * does the sign that makes a character an emoji.
 */
const unseen =
  /(?!\u{200C}|\u{200D}|\u{FE0F})[\p{C}\p{Default_Ignorable_Code_Point}]|(?<![\p{L}\p{M}\p{Emoji}\u{FE0F}])(?:\u{200C}|\u{200D})|(?:\u{200C}|\u{200D})(?![\p{L}\p{M}\p{Emoji}])|(?<!\p{Emoji})\u{FE0F}/gv;

/** A text of others as a phone shows it, on one line: what is not seen in it is left out. */
export function visibleText(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(unseen, '').trim();
}
