import { extname } from 'node:path';
import { text } from '../answer.ts';
import type { ConversationView } from '../conversation-view.ts';
import { receivedNotes } from '../person-text.ts';
import type { Story } from './story.ts';

const kindWords: Record<string, string> = {
  jpg: 'picture',
  jpeg: 'picture',
  png: 'picture',
  webp: 'picture',
  gif: 'picture',
  pdf: 'document',
  txt: 'document',
  docx: 'document',
  xlsx: 'document',
  csv: 'document',
  ogg: 'voice note',
  opus: 'voice note',
  mp3: 'audio file',
  m4a: 'audio file',
  amr: 'audio file',
  mp4: 'video',
  '3gp': 'video',
  vcf: 'contact card',
};
const pathPattern = /(?:^|[\s"'(<`])(\/[^\s"')>`]+\.([a-z0-9]{2,5}))/gi;

/** Paths of files with a known extension in a text, as a host writes them for downloaded files. */
function namedFiles(asked: string): string[] {
  return [...new Set([...asked.matchAll(pathPattern)].map((match) => match[1] ?? ''))].filter(
    (path) => kindOf(path) !== undefined,
  );
}

/** Everyday words for the types that a host names, the first that fits. */
const typeWords: [RegExp, string][] = [
  [/^image\/webp$/, 'sticker'],
  [/^image\//, 'picture'],
  [/^audio\/(?:ogg|opus)$/, 'voice note'],
  [/^audio\//, 'audio file'],
  [/^video\//, 'video'],
  [/^text\/(?:x-)?vcard$/, 'contact card'],
  [/^application\/(?:zip|x-zip-compressed)$/, 'archive'],
  [/^(?:application\/pdf|text\/)|document|sheet/, 'document'],
];

/**
 * Describes what has been received: files, stickers, places, contacts and voice notes. It is chosen
 * when a turn has some and no words that another story matches.
 */
export const receivedMedia: Story = {
  matches: (asked) => namedFiles(asked).length > 0,
  next(view, asked) {
    const counted = [...countKinds(view, asked)]
      .map(([kind, count]) => (count === 1 ? `1 ${kind}` : `${count} ${kind}s`))
      .join(' and ');
    const told = view.received.flatMap(detailOf);
    return text(
      [
        `I received ${counted}.`,
        ...told,
        'A scripted model cannot look inside, but it did arrive.',
      ].join(' '),
    );
  },
};

/** What a host's note says of a thing that has no file, or besides its file. */
function detailOf(note: string): string[] {
  const [, place] = /^The person shared a location: (.+)$/.exec(note) ?? [];
  if (place !== undefined) return [`The place: ${place}.`];
  const [, contact] =
    /^The person shared a contact: (.+?)(?:; the card is at .+)?$/.exec(note) ?? [];
  if (contact !== undefined) return [`The contact: ${contact}.`];
  const [, words] = /^Voice message, [^\]]*\] *(.+)$/.exec(note) ?? [];
  return words === undefined ? [] : [`I heard: “${words}”`];
}

/** What the model says of a text that came in mid-work and only tells of files and places. */
export function receivedWords(asked: string): string | undefined {
  const notes = receivedNotes(asked);
  if (notes.length === 0 || !asked.startsWith('[')) return undefined;
  return [`I also received this: ${kindOfNote(notes[0] ?? '')}.`, ...notes.flatMap(detailOf)].join(
    ' ',
  );
}

/** The kind of what a host's note is about. */
function kindOfNote(note: string): string {
  if (note.startsWith('Voice message')) return 'voice note';
  if (note.startsWith('The person shared a location')) return 'location';
  if (note.startsWith('The person shared')) return 'contact card';
  const type = /^The person sent a file of type ([^;,\s]+)/.exec(note)?.[1] ?? '';
  return typeWords.find(([pattern]) => pattern.test(type))?.[1] ?? 'file';
}

/**
 * The host's notes take precedence, then paths in the text; a content block is a file that one of
 * them names as well.
 */
function countKinds({ received, media }: ConversationView, asked: string): Map<string, number> {
  const kinds = new Map<string, number>();
  const named = received.length > 0 ? received.map(kindOfNote) : namedFiles(asked).map(kindOf);
  for (const kind of named) kinds.set(kind ?? 'file', (kinds.get(kind ?? 'file') ?? 0) + 1);
  const blocks: [string, string[], number][] = [
    ['picture', ['picture', 'sticker'], media.images],
    ['document', ['document'], media.documents],
  ];
  for (const [kind, names, count] of blocks) {
    const others = names.reduce((sum, name) => sum + (kinds.get(name) ?? 0), 0);
    if (count > others) kinds.set(kind, (kinds.get(kind) ?? 0) + count - others);
  }
  return kinds;
}

function kindOf(path: string): string | undefined {
  return kindWords[extname(path).slice(1).toLowerCase()];
}
