import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { FileStoreFullError } from '../shared/file-store.ts';
import type { FileStore } from '../shared/file-store.ts';
import type { Fence } from '../shared/inbox.ts';
import { FencedError } from '../shared/inbox.ts';
import type { Outbox } from '../shared/outbox.ts';
import { reportError } from '../shared/errors.ts';
import type { SendTools } from './agent/agent.ts';
import { describeFile } from './file-kind.ts';
import { chunk } from './reply/chunk.ts';
import { format } from './reply/format.ts';

export type ChatToolParts = {
  outbox: Outbox;
  files: FileStore;
  /** Where the relay hands files out, for those that WhatsApp does not carry. */
  publicUrl: string;
  /** The turn whose tools these are. */
  turn: string;
  conversation: string;
  workspace: string;
  fence: Fence;
  /** Called for everything that goes to the person. */
  onSent: () => void;
};

/** The largest file taken (bytes): WhatsApp's limit at Twilio. */
const largestFile = 16 * 1024 * 1024;

/** The tools by which a turn's agent sends something to the person. They answer the model in sentences; only being fenced off ends the turn. */
export function createChatTools(parts: ChatToolParts): SendTools {
  const { outbox, files, turn, conversation, fence } = parts;
  const say = async (id: string, text: string, file?: { token: string; type: string; name: string; size: number }): Promise<boolean> => {
    const added = await outbox.put([{ id, conversation, turn, text, ...(file ? { file } : {}) }], fence);
    parts.onSent();
    return added > 0;
  };

  const sendFile = async (input: { path: string; caption?: string | undefined }): Promise<string> => {
    const file = path.resolve(parts.workspace, input.path);
    const about = await stat(file).catch(() => undefined);
    if (!about?.isFile()) return `There is no file at ${file}.`;
    if (about.size === 0) return 'That file is empty, so it was not sent.';
    if (about.size > largestFile) return `That file has ${Math.ceil(about.size / 1e6)} MB; WhatsApp takes 16 MB at most, so it was not sent.`;
    const bytes = await readFile(file);
    const kind = describeFile(path.basename(file), bytes);
    // Named by its content: the same picture is not sent twice in one turn, however often it is asked for.
    const id = `${turn}.file.${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
    if (await outbox.has(id)) return 'That file was sent already.';
    const stored = await files.put(bytes, { type: kind.type, name: kind.name });
    const caption = (input.caption ?? '').trim().slice(0, 1000);
    if (kind.carried) {
      // WhatsApp shows a caption under pictures and films only (twilio.com/docs/whatsapp/guidance-whatsapp-media-messages).
      if (caption && !kind.captioned) await say(`${id}.caption`, caption);
      await say(id, kind.captioned ? caption : '', stored);
      return 'Sent.';
    }
    await say(id, [caption === kind.name ? '' : caption, `${kind.name}: ${parts.publicUrl}/media/${stored.token}`].filter(Boolean).join('\n'));
    return 'Sent as a link that works for a day, since WhatsApp does not carry this kind of file.';
  };

  const guarded = async (work: () => Promise<string>): Promise<string> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof FencedError) return 'This turn was taken over by another worker. Stop working now.';
      if (error instanceof FileStoreFullError) return 'Too many files are waiting to be fetched right now. Tell the person, and try again later.';
      return `It could not be sent: ${reportError(error).message}`;
    }
  };

  return {
    sendFile: (input) => guarded(() => sendFile(input)),
    sendMessage: ({ text, callId }) =>
      guarded(async () => {
        const texts = chunk(format(text));
        if (texts.length === 0) return 'The text is empty, so nothing was sent.';
        for (const [index, part] of texts.entries()) await say(`${turn}.${callId}.${index + 1}`, part);
        return 'Sent.';
      }),
  };
}
