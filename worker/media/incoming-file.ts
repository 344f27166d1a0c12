import path from 'node:path';
import type { Message } from '../../shared/store/message.ts';
import type { Attachment } from '../agent/agent.ts';
import type { Home } from '../agent/homes/home.ts';
import { createAgentFiles } from '../agent/sandbox/files.ts';
import { MediaProblem } from '../../shared/twilio/media.ts';
import type { MediaFetch } from '../../shared/twilio/media.ts';
import { pictureFaults } from './picture-fault.ts';
import { TranscribeProblem } from './transcribing.ts';
import type { Transcriber } from './transcribing.ts';
import { extensionOf, toPlainType } from './type-names.ts';
import type { FileReader, Reading } from '../reading/file-reader.ts';

export type IncomingDeps = {
  /**
   * The directory for the files of the conversation's messages: Claude's working directory
   * (absolute).
   */
  workspace: string;
  /** Files are written with the rights of its user. */
  home: Home;
  fetchMedia: MediaFetch;
  reader: FileReader;
  /** Undefined when none is configured. */
  transcribe: Transcriber | undefined;
};

/**
 * A person's file for Claude: `note` says what it is and where, `attachments` are for Claude to
 * look at, `said` is the person's speech in it. `unread` is for the person, when nothing of it can
 * be read.
 */
export type IncomingFile = {
  note: string;
  attachments?: Attachment[];
  said?: string;
  unread?: string;
};

/**
 * The Messages API's limit for PDFs (platform.claude.com/docs/en/build-with-claude/pdf-support):
 * 100 pages. A request has 32 MB, so two PDFs of this size (bytes) leave room for the rest.
 */
const mostPages = 100;
const largestPdf = 10 * 1024 * 1024;

/** A stored file, and what was found out about it. */
type Stored = { bytes: Buffer; file: string; reading: Reading };

/**
 * Fetches one file of a message, stores it in the workspace's `inbox/` under `name` with a fitting
 * extension, and reads its content. Detects its type from its bytes; stores a text in UTF-8. Throws
 * only the signal's reason: problems with the file are reported in words.
 */
export async function takeFile(
  parts: IncomingDeps,
  media: Message['media'][number],
  name: string,
  signal: AbortSignal,
): Promise<IncomingFile> {
  const claimed = toPlainType(media.type);
  try {
    const bytes = await parts.fetchMedia(media.url, signal);
    const reading = await parts.reader.receive(bytes, claimed, signal);
    const file = path.join(parts.workspace, 'inbox', `${name}${extensionOf(reading.seen.type)}`);
    const asText = reading.view.kind === 'text' ? reading.blobs[0] : undefined;
    await createAgentFiles(parts.home.user).write(file, asText ?? bytes);
    return await describe(parts, { bytes, file, reading }, signal);
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof MediaProblem ? error.message : 'it could not be stored';
    return {
      note: `[The person sent a file of type ${claimed}, which could not be fetched: ${reason}. Tell them so.]`,
      unread: `I could not get the ${kindWord(claimed)} that you sent: ${reason}. Please send it again.`,
    };
  }
}

async function describe(
  parts: IncomingDeps,
  stored: Stored,
  signal: AbortSignal,
): Promise<IncomingFile> {
  const { bytes, reading } = stored;
  const { seen, view } = reading;
  if (seen.type.startsWith('audio/')) return await readSound(parts, stored, signal);
  switch (view.kind) {
    case 'pictures':
      return showPictures(stored, view);
    case 'fault':
      return tellFault(stored, view.fault);
    case 'pdf':
      return showPdf(stored, view);
    case 'contacts':
      return tellContacts(stored, view);
    case 'unread':
      return { note: noteOf(stored, notShown) };
    case 'text':
      return {
        note: noteOf(
          stored,
          `It was in ${encodingNames[seen.encoding ?? 'unknown']} and is in UTF-8 there.`,
        ),
      };
    default:
      return {
        note: noteOf(stored, bytes.byteLength === 0 ? 'It is empty.' : encodingNote(seen.encoding)),
      };
  }
}

type View<Kind extends Reading['view']['kind']> = Extract<Reading['view'], { kind: Kind }>;

const notShown = 'It is not shown to you here: read it with your tools.';

const encodingNames = {
  'utf-8': 'UTF-8',
  'utf-16le': 'UTF-16 (little-endian)',
  'utf-16be': 'UTF-16 (big-endian)',
  'windows-1252': 'Windows-1252 (or Latin-1)',
  unknown: 'an unknown character set',
} as const;

/** The remark on a text that is kept in its own encoding. */
function encodingNote(encoding: Reading['seen']['encoding']): string {
  return encoding === undefined || encoding === 'utf-8'
    ? ''
    : `It is in ${encodingNames[encoding]}, not in UTF-8.`;
}

function showPictures(stored: Stored, { types, complete }: View<'pictures'>): IncomingFile {
  const parts =
    types.length > 1
      ? `It is shown in ${types.length} parts${complete ? '' : ', which do not reach its end'}.`
      : '';
  return { note: noteOf(stored, parts), attachments: picturesOf(stored.reading) };
}

/** A reading's pictures as attachments for Claude. */
function picturesOf({ view, blobs }: Reading): Attachment[] {
  if (view.kind !== 'pictures') return [];
  return view.types.flatMap((type, index) =>
    blobs[index]
      ? [{ kind: 'picture' as const, type, base64: blobs[index].toString('base64') }]
      : [],
  );
}

function tellFault(stored: Stored, fault: keyof typeof pictureFaults): IncomingFile {
  const { words, broken } = pictureFaults[fault];
  const note = noteOf(stored, `It cannot be shown to you: ${words}.`);
  // Claude's tools can handle a picture that is only too large.
  if (fault === 'pixels' || fault === 'memory') return { note };
  return {
    note,
    unread: `I could not open the picture that you sent: ${words}.${broken ? ' Please send it again.' : ''}`,
  };
}

function showPdf(
  stored: Stored,
  { whole, locked, pages = mostPages + 1 }: View<'pdf'>,
): IncomingFile {
  const readable = whole && !locked && pages <= mostPages && stored.bytes.byteLength <= largestPdf;
  if (readable)
    return {
      note: noteOf(stored),
      attachments: [{ kind: 'pdf', base64: stored.bytes.toString('base64') }],
    };
  return {
    note: noteOf(
      stored,
      locked ? 'It is protected by a password, so it cannot be shown to you.' : notShown,
    ),
  };
}

function tellContacts(stored: Stored, { contacts, more }: View<'contacts'>): IncomingFile {
  const [only] = contacts;
  if (only === undefined) return { note: noteOf(stored) };
  if (contacts.length === 1 && more === 0)
    return { note: `[The person shared a contact: ${only}; the card is at ${stored.file}]` };
  const list = contacts.map((contact) => `- ${contact}`).join('\n');
  const rest = more === 0 ? '' : `\n(${more} more are in the file)`;
  return {
    note: `[The person shared ${contacts.length + more} contacts, as cards at ${stored.file}:\n${list}${rest}]`,
  };
}

async function readSound(
  { transcribe, home }: IncomingDeps,
  stored: Stored,
  signal: AbortSignal,
): Promise<IncomingFile> {
  try {
    if (!transcribe) throw new TranscribeProblem('no transcriber is set up');
    const said = await transcribe(
      { bytes: stored.bytes, name: path.basename(stored.file), type: stored.reading.seen.type },
      signal,
      home.user,
    );
    return {
      note: `[Voice message, transcribed by a machine; the recording is at ${stored.file}] ${said}`,
      said,
    };
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof TranscribeProblem ? error.message : 'the transcriber failed';
    const note = noteOf(stored, `It could not be written down: ${reason}.`);
    // Sound other than WhatsApp's recordings counts as a plain file.
    if (!stored.reading.seen.voice) return { note };
    const unread = transcribe
      ? `I could not understand your voice message: ${reason}. Please write it, or say it again.`
      : 'I cannot listen to voice messages yet: no transcriber is set up. Please write it.';
    return { note, unread };
  }
}

function noteOf({ file, reading }: Stored, more = ''): string {
  return `[The person sent a file of type ${reading.seen.type}; it is at ${file}]${more === '' ? '' : ` [${more}]`}`;
}

/** The everyday word for a file of this type. */
function kindWord(type: string): string {
  const [kind = ''] = type.split('/');
  const words = new Map([
    ['image', 'picture'],
    ['audio', 'voice message'],
    ['video', 'video'],
  ]);
  if (type === 'text/vcard' || type === 'text/x-vcard') return 'contact';
  return words.get(kind) ?? 'file';
}
