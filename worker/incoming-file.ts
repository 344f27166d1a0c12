import path from 'node:path';
import type { Message } from '../shared/message.ts';
import type { Attachment } from './agent/agent.ts';
import type { AgentFiles } from './agent/agent-files.ts';
import { MediaProblem } from './media-fetch.ts';
import type { MediaFetch } from './media-fetch.ts';
import { contactWords, parseContacts } from './media/contact-card.ts';
import { extensionOf, fileType } from './media/file-type.ts';
import { toModelPicture } from './media/model-picture.ts';
import { inspectPdf } from './media/pdf.ts';
import { isPicture, PictureProblem } from './media/picture.ts';
import { TranscribeProblem } from './media/transcribing.ts';
import type { Transcriber } from './media/transcribing.ts';

export type IncomingParts = {
  /** Where the files of the conversation's messages are kept: Claude's working directory (absolute). */
  workspace: string;
  agentFiles: AgentFiles;
  fetchMedia: MediaFetch;
  /** Undefined when none is set up. */
  transcribe: Transcriber | undefined;
};

/**
 * What a file that a person sent is to Claude: `note` says what it is and where, `attachments` are to be looked at, `said` are the person's own words in it.
 * `unread` is for the person, when nothing of it can be read.
 */
export type IncomingFile = { note: string; attachments?: Attachment[]; said?: string; unread?: string };

/** What a request of the Messages API takes as a PDF (platform.claude.com/docs/en/build-with-claude/pdf-support): 100 pages. Of its 32 MB two of this size (bytes) leave room for the rest. */
const mostPages = 100;
const largestPdf = 10 * 1024 * 1024;

/** A file as it was stored. */
type Stored = { bytes: Buffer; type: string; file: string };

/**
 * Fetches one file of a message, keeps it in the workspace's `inbox/` under `name` with a fitting ending, and reads what can be read of it. Its type is told
 * from its bytes. Throws only the signal's reason: what is wrong with a file is said in words.
 */
export async function takeFile(parts: IncomingParts, media: Message['media'][number], name: string, signal: AbortSignal): Promise<IncomingFile> {
  const claimed = (media.type.split(';')[0] ?? '').trim().toLowerCase();
  try {
    const bytes = await parts.fetchMedia(media.url, signal);
    const type = fileType(bytes, claimed);
    const file = path.join(parts.workspace, 'inbox', `${name}${extensionOf(type)}`);
    await parts.agentFiles.write(file, bytes);
    return await read(parts, { bytes, type, file }, signal);
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof MediaProblem ? error.message : 'it could not be stored';
    return {
      note: `[The person sent a file of type ${claimed}, which could not be fetched: ${reason}. Tell them so.]`,
      unread: `I could not get the ${kindWord(claimed)} that you sent: ${reason}. Please send it again.`,
    };
  }
}

async function read(parts: IncomingParts, stored: Stored, signal: AbortSignal): Promise<IncomingFile> {
  const { bytes, type } = stored;
  if (isPicture(type)) return await readPicture(stored);
  if (type === 'application/pdf') return readPdf(stored);
  if (type === 'text/vcard') return readContacts(stored);
  if (type.startsWith('audio/')) return await readSound(parts, stored, signal);
  return { note: noteOf(stored, bytes.byteLength === 0 ? 'It is empty.' : '') };
}

async function readPicture(stored: Stored): Promise<IncomingFile> {
  try {
    const { pictures, complete } = await toModelPicture(stored.bytes, stored.type);
    const parts = pictures.length > 1 ? `It is shown in ${pictures.length} parts${complete ? '' : ', which do not reach its end'}.` : '';
    return { note: noteOf(stored, parts), attachments: pictures };
  } catch (error) {
    if (!(error instanceof PictureProblem)) throw error;
    const note = noteOf(stored, `It cannot be shown to you: ${error.message}.`);
    return error.broken ? { note, unread: 'I could not open the picture that you sent: it is broken. Please send it again.' } : { note };
  }
}

function readPdf(stored: Stored): IncomingFile {
  const { whole, locked, pages = mostPages + 1 } = inspectPdf(stored.bytes);
  const readable = whole && !locked && pages <= mostPages && stored.bytes.byteLength <= largestPdf;
  if (readable) return { note: noteOf(stored), attachments: [{ kind: 'pdf', base64: stored.bytes.toString('base64') }] };
  return { note: noteOf(stored, locked ? 'It is protected by a password, so it cannot be shown to you.' : 'It is not shown to you here: read it with your tools.') };
}

function readContacts(stored: Stored): IncomingFile {
  const contacts = parseContacts(stored.bytes.toString('utf8')).map(contactWords);
  if (contacts.length === 0) return { note: noteOf(stored) };
  if (contacts.length === 1) return { note: `[The person shared a contact: ${contacts[0]}; the card is at ${stored.file}]` };
  return { note: `[The person shared ${contacts.length} contacts, as cards at ${stored.file}:\n${contacts.map((contact) => `- ${contact}`).join('\n')}]` };
}

async function readSound({ transcribe }: IncomingParts, stored: Stored, signal: AbortSignal): Promise<IncomingFile> {
  try {
    if (!transcribe) throw new TranscribeProblem('no transcriber is set up');
    const said = await transcribe({ bytes: stored.bytes, name: path.basename(stored.file), type: stored.type }, signal);
    return { note: `[Voice message, transcribed by a machine; the recording is at ${stored.file}] ${said}`, said };
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof TranscribeProblem ? error.message : 'the transcriber failed';
    const note = noteOf(stored, `It could not be written down: ${reason}.`);
    if (!isVoiceMessage(stored)) return { note };
    const unread = transcribe ? `I could not understand your voice message: ${reason}. Please write it, or say it again.` : 'I cannot listen to voice messages yet: no transcriber is set up. Please write it.';
    return { note, unread };
  }
}

/** WhatsApp records voice messages as Opus in Ogg, older phones as AMR; other sound is a file that the person has. */
function isVoiceMessage({ bytes, type }: Stored): boolean {
  return type === 'audio/amr' || type === 'audio/3gpp' || (type === 'audio/ogg' && bytes.includes('OpusHead'));
}

function noteOf({ type, file }: Stored, more = ''): string {
  return `[The person sent a file of type ${type}; it is at ${file}]${more === '' ? '' : ` [${more}]`}`;
}

/** What a person calls a file of this type. */
function kindWord(type: string): string {
  const [kind = ''] = type.split('/');
  const words = new Map([['image', 'picture'], ['audio', 'voice message'], ['video', 'video']]);
  if (type === 'text/vcard' || type === 'text/x-vcard') return 'contact';
  return words.get(kind) ?? 'file';
}
