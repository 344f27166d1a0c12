import path from 'node:path';
import { largestCarried } from '../media/largest-carried.ts';
import { pictureFaults } from '../media/picture-fault.ts';
import type { FileReader, Reading } from '../reading/file-reader.ts';
import { chunk } from '../reply/chunk.ts';
import { format } from '../reply/format.ts';
import { isQuick } from '../reply/writing.ts';

/** A file's content with the name shown to the person. */
export type NamedFile = { bytes: Buffer; type: string; name: string };

/** One of the messages for a file: with the file itself, or with its address after the label. */
export type Piece = { text: string; media?: NamedFile; link?: { label: string; file: NamedFile } };

/** The messages for a file, and the answer for the model; no pieces when the file is not sent. */
export type Sending = { pieces: Piece[]; told: string };

/** The longest caption (characters). Meta accepts 1024 under a picture; an address may be added. */
const longestCaption = 700;

const extensions = { 'image/png': '.png', 'image/jpeg': '.jpg' } as const;

/**
 * Decides how to send a file: pictures are converted, other types go as they are if WhatsApp
 * carries them, everything else becomes a link. `name` is the file's own, `caption` Markdown. An
 * unusable picture is not sent. Throws the signal's reason.
 */
export async function planSending(
  reader: FileReader,
  file: { name: string; bytes: Buffer },
  caption: string,
  signal: AbortSignal,
): Promise<Sending> {
  const { name, bytes } = file;
  const { seen, view, blobs } = await reader.send(bytes, name, signal);
  const original: NamedFile = { bytes, type: seen.type, name };
  const words = isQuick(caption) ? format(caption.trim()) : caption.trim();
  // A picture that cannot be opened here may still be wanted as a file, such as an iPhone's photo.
  const asFile = view.kind === 'fault' && view.fault === 'heic';
  if (view.kind === 'fault' && !asFile)
    return { pieces: [], told: `That picture was not sent: ${pictureFaults[view.fault].words}.` };
  const isPicture = view.kind === 'chat';
  // A caption equal to the link's label is dropped.
  if (!isPicture && !seen.carried) return asLink(original, words === name ? '' : words);
  // WhatsApp shows a caption under pictures and films only
  // (twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
  const below = (isPicture || seen.captioned) && words.length <= longestCaption ? words : '';
  const before: Piece[] = below === '' ? chunk(words).map((text) => ({ text })) : [];
  if (isPicture)
    return asPicture(original, { parts: partsOf(view, blobs), lost: view.lost }, before, below);
  return { pieces: [...before, { text: below, media: original }], told: 'Sent.' };
}

type ChatView = Extract<Reading['view'], { kind: 'chat' }>;
type Finished = { bytes: Buffer; type: ChatView['types'][number] };

function partsOf({ types }: ChatView, blobs: Buffer[]): Finished[] {
  return types.flatMap((type, index) => (blobs[index] ? [{ type, bytes: blobs[index] }] : []));
}

function asLink(file: NamedFile, words: string): Sending {
  const why =
    file.bytes.byteLength > largestCarried
      ? 'WhatsApp takes 16 MB at most'
      : 'WhatsApp does not carry this kind of file';
  const texts = chunk(words);
  const last = texts.at(-1) ?? '';
  const together = last.length <= longestCaption;
  return {
    pieces: [
      ...(together ? texts.slice(0, -1) : texts).map((text) => ({ text })),
      { text: together ? last : '', link: { label: file.name, file } },
    ],
    told: `Sent as a link that works for a day, since ${why}.`,
  };
}

/**
 * The label before the original's address, and the answer for the model, when the picture loses
 * something.
 */
const losses = {
  'its end': {
    label: 'The whole',
    told: 'Sent: its beginning as a picture and the whole as a link that works for a day, since it is too long for a phone.',
  },
  'its movement': {
    label: 'Moving',
    told: 'Sent as a still picture with a link to the moving one, valid for a day, since WhatsApp shows it still.',
  },
  'the drawing': {
    label: 'The drawing',
    told: 'Sent as a picture, with a link to the drawing itself that works for a day.',
  },
} as const;

function asPicture(
  original: NamedFile,
  { parts, lost }: { parts: Finished[]; lost: ChatView['lost'] },
  before: Piece[],
  below: string,
): Sending {
  const stem = path.basename(original.name, path.extname(original.name));
  const loss = lost === undefined ? undefined : losses[lost];
  const pictures = parts.map(({ bytes, type }, index): Piece => {
    const number = parts.length > 1 ? `${index + 1} of ${parts.length}` : '';
    const name = `${stem}${parts.length > 1 ? `-${index + 1}` : ''}${extensions[type]}`;
    const text = index === 0 ? [below, number].filter((part) => part !== '').join('\n') : number;
    return {
      text,
      media: { bytes, type, name },
      ...(index === 0 && loss ? { link: { label: loss.label, file: original } } : {}),
    };
  });
  const cut = `Sent as ${parts.length} pictures, one after the other, since it is too long to be read in one.`;
  return {
    pieces: [...before, ...pictures],
    told: loss?.told ?? (parts.length > 1 ? cut : 'Sent.'),
  };
}
