import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Message } from '../shared/message.ts';
import type { Attachment, Prompt } from './agent/agent.ts';
import { describeFile } from './file-kind.ts';
import { MediaProblem } from './media-fetch.ts';
import type { MediaFetch } from './media-fetch.ts';

/** What Claude can look at directly (platform.claude.com/docs: "Vision", "PDF support"). */
const pictures = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
/** The largest picture that the Messages API takes (bytes). */
const largestPicture = 5 * 1024 * 1024;

/**
 * Writes a person's message as Claude gets it: the text as it is, pictures and PDFs to look at, every file also in the workspace with its path. What
 * could not be fetched is said in words, and never holds up the message.
 */
export async function toPrompt(message: Message, workspace: string, fetchMedia: MediaFetch, signal: AbortSignal): Promise<Prompt> {
  const { location, media, choice } = message;
  const attachments: Attachment[] = [];
  const notes: string[] = [];
  for (const [index, file] of media.entries()) {
    const { note, attachment } = await takeFile(file.url, file.type, path.join(workspace, 'inbox'), `${message.id.slice(-8)}-${index + 1}`, (url) => fetchMedia(url, signal));
    signal.throwIfAborted();
    notes.push(note);
    if (attachment) attachments.push(attachment);
  }
  if (location) notes.push(`[The person shared a location: ${[location.label, location.address, `${location.latitude}, ${location.longitude}`].filter(Boolean).join(', ')}]`);
  const text = [message.text.trim() || choice?.title || '', ...notes].filter((line) => line !== '').join('\n');
  return { id: message.id, text: text || '[The person sent an empty message.]', ...(attachments.length > 0 ? { attachments } : {}) };
}

async function takeFile(url: string, claimed: string, inbox: string, name: string, fetchMedia: (url: string) => Promise<Buffer>): Promise<{ note: string; attachment?: Attachment }> {
  try {
    const bytes = await fetchMedia(url);
    const type = describeFile(`${name}${extensions.get(claimed.split(';')[0] ?? '') ?? ''}`, bytes).type;
    const file = path.join(inbox, `${name}${extensions.get(type.split(';')[0] ?? '') ?? '.bin'}`);
    await mkdir(inbox, { recursive: true });
    await writeFile(file, bytes);
    const picture = pictures.find((known) => known === type);
    const note = `[The person sent a file of type ${type.split(';')[0]}; it is at ${file}]`;
    if (picture && bytes.byteLength <= largestPicture) return { note, attachment: { kind: 'picture', type: picture, base64: bytes.toString('base64') } };
    if (type === 'application/pdf') return { note, attachment: { kind: 'pdf', base64: bytes.toString('base64') } };
    return { note };
  } catch (error) {
    const reason = error instanceof MediaProblem ? error.message : 'it could not be stored';
    return { note: `[The person sent a file of type ${claimed}, which could not be fetched: ${reason}. Tell them so.]` };
  }
}

const extensions = new Map([
  ['image/png', '.png'], ['image/jpeg', '.jpg'], ['image/gif', '.gif'], ['image/webp', '.webp'], ['application/pdf', '.pdf'], ['video/mp4', '.mp4'],
  ['audio/ogg', '.ogg'], ['audio/mpeg', '.mp3'], ['audio/amr', '.amr'], ['audio/mp4', '.m4a'], ['audio/webm', '.webm'], ['text/plain', '.txt'], ['text/csv', '.csv'], ['text/vcard', '.vcf'],
  ['application/json', '.json'], ['application/zip', '.zip'], ['application/msword', '.doc'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', '.docx'],
  ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', '.xlsx'],
  ['application/vnd.openxmlformats-officedocument.presentationml.presentation', '.pptx'],
]);
