/** Words of which a text consists that only agrees, by language. */
const agreeing: Record<string, string> = {
  English:
    'yes yess yeah yep yup yea aye y ya k kk ok okay sure fine good great nice cool perfect excellent right correct true lgtm approve approved accept accepted confirm confirmed agree agreed absolutely definitely certainly proceed continue go start begin allow allowed',
  German: 'ja jawohl jo klar gerne passt einverstanden natürlich los gut genau richtig super',
  French: 'oui ouais entendu parfait super vas-y allez-y accord',
  Spanish: 'sí si claro vale dale adelante acuerdo hazlo bueno bien perfecto',
  Portuguese: 'sim pode beleza certeza ótimo isso',
  Italian: 'sì certo procedi certamente ovviamente bene perfetto',
  Dutch: 'prima oké goed akkoord doe',
  Slavic:
    'да конечно хорошо давай ладно можно согласен согласна угу так добре звісно tak dobrze jasne oczywiście áno',
  Turkish: 'evet tamam olur tabii',
  Greek: 'ναι εντάξει',
  Semitic: 'نعم أجل حسنا موافق تمام طبعا כן בסדר',
  Hindi: 'हाँ हां ठीक ज़रूर',
  southeastern: 'ใช่ ได้ vâng được iya boleh',
  Japanese: 'はい いいよ いいですよ どうぞ お願いします 了解 オーケー うん',
  Chinese: '好 好的 可以 是 是的 行 没问题 同意 当然 對',
  Korean: '네 예 좋아요 응 물론 그래',
};

/** Words that may stand beside them without asking for anything. */
const fillers =
  'please thing of course by me i we you may can do it that this just on ahead carry sounds looks to all means be my guest always now thanks thank with the plan edits unasked bitte mach das ruhig in ordnung immer mal bien sûr d’accord c’est bon ça marche toujours de por supuesto está que tá bom faz com va fai pure graag maar है जी';

const words = new Set(
  [...Object.values(agreeing), fillers].flatMap((list) => list.normalize('NFC').split(' ')),
);

/**
 * Whether a text says nothing but yes: every word of it agrees, or it has no letter, as 👍. Nothing
 * is approved by that; it tells such a text from a text that wants something else.
 */
export function isAgreement(text: string): boolean {
  const said =
    text
      .normalize('NFC')
      .toLowerCase()
      .match(/[\p{L}\p{M}][\p{L}\p{M}’'-]*/gu) ?? [];
  return said.every((word) => words.has(word));
}
