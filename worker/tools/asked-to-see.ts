/**
 * Words that request a picture, in the most written languages. Words match as prefixes:
 * “screenshots” counts, too.
 */
const words = [
  // English
  'screen ?(?:shot|grab|cap)',
  'snapshot',
  'picture',
  'photo',
  'pics?(?!\\p{L})',
  'image',
  'show (?:me|us|it)',
  'let (?:me|us) see',
  '(?:can|could) (?:i|we) see',
  'looks? like',
  'how (?:it|(?:does|do|is) .{1,60}?) looks?',
  // German
  'bildschirm(?:foto|aufnahme)',
  'bild(?:er)?(?!\\p{L})',
  'foto',
  'zeige? (?:mir|uns|mal)',
  'wie sieht',
  'aussieht',
  // French
  'capture',
  'montre',
  'à quoi ressemble',
  // Spanish, Portuguese, Italian
  'captura',
  'pantallazo',
  'imagen',
  'muéstra',
  'muestra',
  'enséña',
  'cómo se ve',
  'imagem',
  'mostra',
  'mostre',
  'schermata',
  'immagine',
  'fammi vedere',
  // Dutch, Polish, Turkish, Indonesian
  'scherm(?:afbeelding|afdruk|foto)',
  'laat (?:me )?zien',
  'zrzut',
  'pokaż',
  'ekran görüntüsü',
  'göster',
  'tangkapan layar',
  'tunjukkan',
  // Russian, Ukrainian
  'скрин',
  'снимок экрана',
  'покажи',
  'фото',
  'картинк',
  'знімок',
].join('|');
/**
 * Languages without blanks between words, or with inflected word beginnings: the word matches
 * anywhere.
 */
const anywhere =
  'スクリーンショット|スクショ|見せて|画像|写真|截图|截屏|截圖|图片|照片|給我看|给我看|스크린샷|캡처|사진|보여|لقطة|صورة|स्क्रीनशॉट|तस्वीर|दिखा';

const asking = new RegExp(`(?<![\\p{L}\\p{N}_/.-])(?:${words})|${anywhere}`, 'iu');
/** Phrases that decline a picture. */
const refusing =
  /(?<!\p{L})(?:no|without(?: an?| any)?|(?:do not|don['’]t) (?:send|take|make|need|want)(?: me| us)?(?: an?| any| the)?|kein(?:e|en)?|ohne|sans|pas de|sin|sem|senza|без) (?:\p{L}+ )?(?:screen ?shots?|pictures?|photos?|images?|bild(?:er)?|fotos?|captures?|capturas?|скрин\p{L}*)/giu;

/**
 * Whether a person asked to see something: one of the texts, each in the person's own words, has a
 * word for a picture or for showing, outside a phrase that declines one. It decides whether
 * screenshots that Claude took but did not send are sent anyway, so a false positive costs a
 * harmless picture and a false negative a second request; hence the simple words.
 */
export function asksToSee(texts: string[]): boolean {
  return texts.some((text) => asking.test(text.replaceAll(refusing, ' ')));
}
