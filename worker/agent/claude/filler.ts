import type { Words } from '../agent.ts';

/** The longest sentence that counts as filler (characters). */
const longestFiller = 160;

/**
 * How a sentence begins that only announces the next step, after at most one interjection: the
 * progress lines say what happens anyway.
 */
const announcement =
  /^(?:(?:now|first|next|then|ok|okay|alright|all right|great|good|perfect|sure|right|so|and|wait|hmm|but)[,.!:]? )?(?:let me|let's|let us|i'll|i will|i'm going to|i am going to|i need to|now i)\b/i;

/** A reason, a contrast or a refusal beside an announcement is news. */
const news =
  /[—–]|\s-\s|\b(?:because|since|but|instead|although|unless|which|not|never|without|skip)\b|n't\b/i;

/** One interjection and nothing else. */
const interjection =
  /^(?:ok|okay|alright|all right|great|good|perfect|sure|right|hmm|done)[.!…]?$/i;

/**
 * Whether a text before a tool call may be left out of the answer: a single short sentence that
 * announces what Claude does next (“Now let me run the tests:”), or an interjection. Everything
 * else arrives, also an announcement with a reason, and those in other languages.
 */
export function isFiller(text: string): boolean {
  const plain = text.trim().replaceAll('’', "'");
  if (plain.length > longestFiller || plain.includes('\n')) return false;
  if (interjection.test(plain)) return true;
  const said = afterInterjection(plain);
  // A full stop, a question mark or a colon inside means that something follows the announcement.
  return announcement.test(plain) && !news.test(said) && !/[.!?:;…][)"”'*]* \S/.test(said);
}

/** The sentence without an interjection and its mark: “Great! Let me …” is one announcement. */
function afterInterjection(plain: string): string {
  return plain.replace(/^(?:(?:so|but)\b,?|\w+(?: right)?[.!:]) /i, '');
}

/** Whether nothing of a text is seen: blanks, marks such as those of direction, and fillers. */
export function isBlank(text: string): boolean {
  return /^[\s\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u.test(text);
}

/** The texts that are more than filler, in order. */
export function withoutFiller(words: Words[]): Words[] {
  return words.filter(({ text }) => !isBlank(text) && !isFiller(text));
}
