/**
 * Letters of other scripts that look like Latin ones in most fonts (unicode.org/reports/tr39,
 * confusables.txt), by script. Every letter of the last group looks so.
 */
const lookAlikes: readonly { of: RegExp; like: RegExp }[] = [
  { of: /\p{Script=Cyrillic}/u, like: /^[аеорсухіјѕԁһӏԛԝАВЕЅІЈКМНОРСТУХҮԜ]$/u },
  { of: /\p{Script=Greek}/u, like: /^[ονυρϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϿ]$/u },
  { of: /\p{Script=Armenian}/u, like: /^[հոսօՍՕ]$/u },
  {
    of: /[\p{Script=Cherokee}\p{Script=Lisu}\p{Script=Coptic}\p{Script=Deseret}\p{Script=Carian}\p{Script=Lycian}\p{Script=Lydian}\p{Script=Old_Italic}\p{Script=Gothic}\p{Script=Elbasan}\p{Script=Osage}\p{Script=Warang_Citi}]/u,
    like: /^./u,
  },
];
const foreign = new RegExp(lookAlikes.map(({ of }) => of.source).join('|'), 'u');

/**
 * Whether letters of a text pass for Latin ones: beside Latin letters in one word, as all that the
 * text has of their script, or as Latin letters in another form. In a text with Chinese, Japanese
 * or Korean the wide forms are usual.
 */
export function hasLatinLookAlikes(text: string): boolean {
  if (/[\u{1D400}-\u{1D7FF}\u{2160}-\u{2188}\u{1D00}-\u{1D25}ɑɡɪʀʏꜰꜱꞮ]/u.test(text)) return true;
  // The letters among U+2100 to U+214F; others are signs with a meaning, such as № and ℃.
  if (/[ℂℊ-ℓℕℙ-ℝℤKℬℭℯ-ℱℳℴℹⅅ-ⅉ]/u.test(text)) return true;
  if (/[Ａ-Ｚａ-ｚ]/.test(text) && !isWide(text)) return true;
  const words = text.match(/[\p{L}\p{M}]+/gu) ?? [];
  if (words.some((word) => /\p{Script=Latin}/u.test(word) && foreign.test(word))) return true;
  return lookAlikes.some(({ of, like }) => {
    const letters = [...new Set(text.match(new RegExp(of.source, 'gu')))];
    return letters.length > 0 && letters.every((letter) => like.test(letter));
  });
}

/** Signs that look like ASCII's `! ' ( ) , - . / : ; < > \ | ~` and its backtick. */
const signs =
  /[\u{01C3}\u{2D51}\u{02B9}-\u{02BE}\u{02C8}\u{02CA}\u{02CB}\u{0374}\u{055A}\u{05F3}\u{07F4}\u{2032}\u{2035}\u{201A}\u{2768}\u{2769}\u{A4F9}\u{02D7}\u{2010}-\u{2012}\u{2212}\u{2796}\u{2024}\u{A4F8}\u{10A50}\u{2044}\u{2215}\u{2571}\u{29F8}\u{27CB}\u{02D0}\u{02F8}\u{0589}\u{05C3}\u{2236}\u{A789}\u{037E}\u{02C2}\u{02C3}\u{2039}\u{203A}\u{2216}\u{29F5}\u{29F9}\u{01C0}\u{2223}\u{2758}\u{223C}\u{1FEF}\u{FE50}-\u{FE6F}]/u;
/** A dash that an editor has made of the hyphen before an option. */
const dashedOption = /(?<!\S)[–—]+\p{L}/u;
/** Curly quotation marks, which do not keep a shell from reading what is between them. */
const curlyQuotes = /[‘’‚‛“”„‟″]/u;
const apostrophe = /(?<=\p{L})’(?=\p{L})/gu;
const readByShell = /[;|&<>$`\n]/;

/** Whether signs of a command or an address pass for others that would mean something there. */
export function hasSignLookAlikes(text: string): boolean {
  return (
    signs.test(text) ||
    dashedOption.test(text) ||
    text
      .replaceAll(apostrophe, '')
      .split(curlyQuotes)
      .slice(1, -1)
      .some((part) => readByShell.test(part)) ||
    (/[！-／：-＠［-｀｛-～￤]/.test(text) && !isWide(text))
  );
}

/** Whether a text has letters of the scripts that are written with wide signs. */
function isWide(text: string): boolean {
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u.test(
    text,
  );
}
