import { cut } from '../../shared/runtime/cut.ts';
import { describeFile } from '../tools/file-kind.ts';
import { toChatPicture } from '../media/chat-picture.ts';
import { contactWords, parseContacts } from '../media/contact-card.ts';
import { fileType } from '../media/file-type.ts';
import { toModelPicture } from '../media/model-picture.ts';
import { inspectPdf } from '../media/pdf.ts';
import { toSmallPicture } from '../media/small-picture.ts';
import { isPicture, pictureProblem } from '../media/picture.ts';
import { textEncoding, toUtf8 } from '../media/text-encoding.ts';
import { isTextType } from '../media/type-names.ts';
import { longestContact } from './answer.ts';
import type { Seen, Task, View } from './answer.ts';
import { longestText } from './frame.ts';

/** Receives one part of the result, with its binary data. */
export type Emit = (part: Seen | View, blobs?: Buffer[]) => void;

/**
 * Limit on the parts of a tool's picture for the model: a page 1280 pixels wide may then be 32,000
 * long.
 */
const mostToolParts = 8;
/**
 * Limits on the contacts' texts (characters) and on their number; Claude finds the rest in the
 * file.
 */
const mostContactWords = 6000;
const mostContacts = 50;

/**
 * Runs a task on a file. Throws only on unexpected errors; problems with the file are part of the
 * answer.
 */
export async function readFile(task: Task, bytes: Buffer, emit: Emit): Promise<void> {
  if (task.task === 'receive') return await receive(bytes, task.claimed, emit);
  if (task.task === 'send') return await send(bytes, task.name, emit);
  const type = fileType(bytes, '');
  emit({ ...unseen, type, picture: isPicture(type) });
  if (task.task === 'shrink') return await shrink(bytes, type, emit);
  if (isPicture(type)) return await showPicture(bytes, type, emit, mostToolParts);
  emit({ kind: 'nothing' });
}

async function shrink(bytes: Buffer, type: string, emit: Emit): Promise<void> {
  if (!isPicture(type)) return emit({ kind: 'nothing' });
  try {
    const small = await toSmallPicture(bytes, type);
    emit({ kind: 'chat', types: [small.type] }, [small.bytes]);
  } catch (error) {
    emit(faultOf(error, type));
  }
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

/** Emits a picture for the model, in parts if it is long. */
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
  const all = parseContacts(text.toString('utf8')).map((contact) =>
    cut(contactWords(contact), longestContact),
  );
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
