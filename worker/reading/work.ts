import { describeFile } from '../tools/file-kind.ts';
import { toChatPicture } from '../media/chat-picture.ts';
import { contactWords, parseContacts } from '../media/contact-card.ts';
import { fileType } from '../media/file-type.ts';
import { toModelPicture } from '../media/model-picture.ts';
import { inspectPdf } from '../media/pdf.ts';
import { isPicture, pictureProblem } from '../media/picture.ts';
import { textEncoding, toUtf8 } from '../media/text-encoding.ts';
import { isTextType } from '../media/type-names.ts';
import type { Seen, Task, View } from './answer.ts';
import { longestText } from './frame.ts';

/** Takes one part of what was found out, with the bytes that go with it. */
export type Emit = (part: Seen | View, blobs?: Buffer[]) => void;

/**
 * A picture of a tool comes to the model in so many parts at most: a page of 1280 pixels' width may
 * be 32,000 long then.
 */
const mostToolParts = 8;
/**
 * The most that is told of contacts (characters), and of how many; Claude finds the rest in the
 * file.
 */
const mostContactWords = 6000;
const mostContacts = 50;

/**
 * Finds out what a task asks about a file. It throws what nobody expects; what can be wrong with a
 * file is a part of the answer.
 */
export async function readFile(task: Task, bytes: Buffer, emit: Emit): Promise<void> {
  if (task.task === 'receive') return await receive(bytes, task.claimed, emit);
  if (task.task === 'send') return await send(bytes, task.name, emit);
  const type = fileType(bytes, '');
  emit({ ...unseen, type, picture: isPicture(type) });
  if (isPicture(type)) return await showPicture(bytes, type, emit, mostToolParts);
  emit({ kind: 'nothing' });
}

const unseen = { voice: false, picture: false, carried: false, captioned: false };

async function receive(bytes: Buffer, claimed: string, emit: Emit): Promise<void> {
  const type = fileType(bytes, claimed);
  const encoding = isTextType(type) ? textEncoding(bytes, isTextType(claimed)) : undefined;
  const voice =
    type === 'audio/amr' ||
    type === 'audio/3gpp' ||
    (type === 'audio/ogg' && bytes.includes('OpusHead'));
  emit({ ...unseen, type, voice, picture: isPicture(type), ...(encoding ? { encoding } : {}) });
  if (isPicture(type)) return await showPicture(bytes, type, emit);
  if (type === 'application/pdf') {
    const { whole, locked, pages } = inspectPdf(bytes);
    return emit({ kind: 'pdf', whole, locked, ...(pages === undefined ? {} : { pages }) });
  }
  const text =
    encoding && encoding !== 'utf-8' && encoding !== 'unknown'
      ? toUtf8(bytes, encoding)
      : undefined;
  if (type === 'text/vcard') return emit(readContacts(text ?? bytes));
  if (text && text.byteLength <= longestText) emit({ kind: 'text' }, [text]);
  else emit({ kind: 'nothing' });
}

/** A picture for the model, in parts where it is long. */
async function showPicture(
  bytes: Buffer,
  type: string,
  emit: Emit,
  mostParts?: number,
): Promise<void> {
  try {
    const { pictures, complete } = await toModelPicture(bytes, type, mostParts);
    emit(
      { kind: 'pictures', types: pictures.map((picture) => picture.type), complete },
      pictures.map(({ base64 }) => Buffer.from(base64, 'base64')),
    );
  } catch (error) {
    emit(faultOf(error, type));
  }
}

function faultOf(error: unknown, type: string): View {
  const { fault, broken } = pictureProblem(error);
  return { kind: 'fault', fault: broken && type === 'image/heic' ? 'heic' : fault };
}

function readContacts(text: Buffer): View {
  const all = parseContacts(text.toString('utf8')).map(contactWords);
  const contacts: string[] = [];
  let length = 0;
  for (const words of all.slice(0, mostContacts)) {
    length += words.length;
    if (length > mostContactWords && contacts.length > 0) break;
    contacts.push(words);
  }
  return { kind: 'contacts', contacts, more: all.length - contacts.length };
}

async function send(bytes: Buffer, name: string, emit: Emit): Promise<void> {
  const { type, picture, carried, captioned } = describeFile(name, bytes);
  emit({ ...unseen, type, picture, carried, captioned });
  if (!picture) return emit({ kind: 'nothing' });
  try {
    const { parts, lost } = await toChatPicture(bytes, type);
    emit(
      { kind: 'chat', types: parts.map((part) => part.type), ...(lost ? { lost } : {}) },
      parts.map((part) => part.bytes),
    );
  } catch (error) {
    emit(faultOf(error, type));
  }
}
