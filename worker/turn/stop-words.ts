/** Words, phrases and signs that stop work by themselves, by language. */
const stopWords: Record<string, string[]> = {
  English: ['stop', 'halt', 'abort', 'cancel', 'quit'],
  German: ['stopp', 'stoppen', 'anhalten', 'abbrechen', 'aufhören', 'abbruch', 'hör auf'],
  French: ['arrête', 'arrêtez', 'arrete', 'stoppe', 'annule', 'annulez'],
  Spanish: ['para', 'pare', 'detente', 'deténgase', 'alto', 'cancela', 'basta'],
  Italian: ['ferma', 'fermati', 'fermo', 'smetti', 'annulla', 'basta'],
  Portuguese: ['pare', 'pára', 'parar', 'cancele', 'chega'],
  Dutch: ['stoppen', 'annuleer', 'ophouden', 'hou op', 'houd op'],
  Polish: ['zatrzymaj', 'przestań', 'anuluj'],
  Turkish: ['dur', 'durdur', 'iptal'],
  Russian: ['стоп', 'остановись', 'остановите', 'хватит', 'отмена', 'прекрати'],
  Arabic: ['توقف', 'قف', 'أوقف', 'كفى', 'إلغاء'],
  Hindi: ['रुको', 'रुकिए', 'रोको', 'बंद करो', 'रद्द करो'],
  Chinese: ['停', '停止', '请停止', '停下', '停下来', '停一下', '取消'],
  Japanese: [
    'ストップ',
    '止めて',
    'やめて',
    '止めてください',
    'やめてください',
    '中止',
    'キャンセル',
  ],
  Korean: ['멈춰', '멈춰줘', '그만', '그만해', '중지', '중단', '취소'],
  signs: ['🛑', '⛔', '⏹'],
};

/** Words that may stand beside a stop word without changing what it says, by language. */
const fillers: Record<string, string[]> = {
  English: ['please', 'pls', 'now', 'it', 'all', 'that', 'this', 'everything', 'right', 'just'],
  courtesy: ['ok', 'okay', 'immediately', 'working', 'there', 'no', 'hey', 'at', 'once', 'thanks'],
  German: ['bitte', 'jetzt', 'sofort', 'alles', 'mal', 'das', 'damit', 'nein', 'danke'],
  French: [
    'svp',
    'stp',
    'maintenant',
    'tout',
    'ça',
    'cela',
    'non',
    'merci',
    'tout de suite',
    "s'il te plaît",
    "s'il vous plaît",
  ],
  Spanish: ['por', 'favor', 'ahora', 'ya', 'todo', 'eso', 'esto', 'gracias'],
  Italian: ['per', 'favore', 'ora', 'adesso', 'subito', 'tutto', 'questo', 'grazie'],
  Portuguese: ['por', 'favor', 'agora', 'já', 'tudo', 'isso', 'obrigado', 'obrigada'],
  Dutch: ['alsjeblieft', 'nu', 'alles', 'dat', 'ermee', 'meteen', 'dank'],
  Polish: ['proszę', 'teraz', 'wszystko', 'to', 'już', 'dzięki'],
  Turkish: ['lütfen', 'şimdi', 'hemen', 'hepsini', 'et', 'artık'],
  Russian: ['пожалуйста', 'сейчас', 'всё', 'все', 'это', 'немедленно', 'спасибо'],
  others: ['من فضلك', 'الآن', 'कृपया', 'अभी', '请', '马上', '今すぐ', '지금', '제발'],
};

/**
 * Stop words that ask for a question when they begin or end a longer text. The others are also
 * ordinary verbs and prepositions: “cancel the subscription form” and “para mañana” are work.
 */
const strong = new Set([
  'stop',
  'stopp',
  'halt',
  'abort',
  'стоп',
  'arrête',
  'arrêtez',
  'zatrzymaj',
  'hör auf',
  'hou op',
  'توقف',
  'रुको',
  '停止',
  '停下',
  'ストップ',
  '止めて',
  'やめて',
  '멈춰',
  '🛑',
]);

const asSet = (words: Record<string, string[]>): ReadonlySet<string> =>
  new Set(Object.values(words).flat());
const stops = asSet(stopWords);
const quiet = asSet(fillers);

/** A phrase of the tables, which counts as one word; a word; or a sign that stands for one. */
const oneWord = new RegExp(
  `${[...stops, ...quiet]
    .filter((words) => words.includes(' '))
    .map((words) => `${words.replaceAll(' ', '\\s+')}(?![\\p{L}\\p{M}\\p{N}])`)
    .join('|')}|[\\p{L}\\p{M}\\p{N}'-]+|🛑|⛔|⏹`,
  'giu',
);

/** A word of the tables as a person may write it: “Stooop” is “stop”. */
function asWritten(word: string): string {
  const plain = word.replaceAll(/\s+/g, ' ');
  return stops.has(plain) || quiet.has(plain) ? plain : plain.replaceAll(/(\p{L})\1{2,}/gu, '$1');
}

/** From an ASCII letter to its wide form (Unicode's block “Halfwidth and Fullwidth Forms”). */
const wideOffset = 0xfee0;

/** Right before a stop word they ask to go on: “don't stop”. */
const negations = new Set(["don't", 'dont', 'not', 'never', 'nicht']);

/** The most words of a text that only says stop, and of a text that may mean it. */
const [mostOfStop, mostOfMaybe] = [4, 8];

/** A word in the wide Latin letters of a Japanese or Chinese keyboard. */
function toWide(word: string): string {
  return word.replaceAll(/[a-z]/g, (letter) =>
    String.fromCharCode(letter.charCodeAt(0) + wideOffset),
  );
}

/** Every stop word as it may occur in a message, for a search before the message is parsed. */
export const anyStopWord = new RegExp(
  [...stops]
    .flatMap((word) => [word, word.normalize('NFD'), toWide(word)])
    .map((word) => word.replaceAll(/\p{L}/gu, '$&+').replaceAll(' ', '\\s+'))
    .join('|'),
  'iu',
);

/** Ends one task in the background, as in “stop 2”: a command, and no stop of the turn. */
const numbered = /^\/?stop #?\d{1,2}$/i;

/**
 * Whether a text says to stop: `stop` when all of up to four words are stop words and fillers,
 * `maybe` when a text of up to eight words begins or ends with a stop word. A slash before it does
 * not matter; neither do case, punctuation and white space. With `isStrict` only the words of
 * `strong` count: the others may answer an open question, or mean something else while nothing
 * runs.
 */
export function readStop(text: string, isStrict = false): 'stop' | 'maybe' | undefined {
  // Longer than any text of eight words that could mean it.
  if (text.length > 200 || numbered.test(text)) return undefined;
  const counted = isStrict ? strong : stops;
  // A phone may choose the apostrophe, wide letters, and mark a sign as a picture.
  const plain = text.normalize('NFKC').toLowerCase().replaceAll('’', "'").replaceAll('\uFE0F', '');
  const words = (plain.match(oneWord) ?? []).map(asWritten);
  const [first = '', last = ''] = [words[0], words.at(-1)];
  const isAllStop = words.every((word) => counted.has(word) || quiet.has(word));
  if (words.length <= mostOfStop && isAllStop && words.some((word) => counted.has(word)))
    return 'stop';
  const isCommand = text.trimStart().startsWith('/');
  if (isCommand && first === 'stop') return 'stop';
  if (isCommand || words.length > mostOfMaybe) return undefined;
  const isDenied = negations.has(words.at(-2) ?? '');
  return strong.has(first) || (strong.has(last) && !isDenied) ? 'maybe' : undefined;
}
