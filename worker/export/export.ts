import { FileStoreFullError, MemoryFullError } from '../../shared/store/files.ts';
import type { FileStore } from '../../shared/store/files.ts';
import type { ExportDetail } from '../../shared/store/links/export-link.ts';
import type { Links } from '../../shared/store/links/links.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import type { People } from '../../shared/store/people.ts';
import type { Reply } from '../../shared/store/reply.ts';
import type { ThreadEntry, Threads } from '../../shared/store/turns/thread.ts';
import type { MediaFetch } from '../../shared/twilio/media.ts';
import { exportHtml, exportMarkdown } from './export-document.ts';
import type { ExportEntry, ExportFile } from './export-document.ts';

/** The address of an export, how much is in it, and how many pictures and files were left out. */
export type Exported = { url: string; messages: number; missing: number };

/** Gives a conversation as one Markdown and one HTML file, behind a link that works once. */
export type Exporter = {
  /** Undefined when there is no room for it. Throws the signal's reason. */
  make(conversation: string, timezone: string, signal: AbortSignal): Promise<Exported | undefined>;
};

export type ExporterDeps = {
  threads: Threads;
  files: FileStore;
  pages: Pick<PageStore, 'find'>;
  people: Pick<People, 'idOf'>;
  links: Pick<Links, 'add'>;
  fetchMedia: MediaFetch;
  publicUrl: string;
};

/** How large both files together may be (bytes). */
export const mostBytes = 32 * 1024 * 1024;

/** Entries that are read at once. */
const atOnce = 200;

export function createExporter(parts: ExporterDeps): Exporter {
  const { threads, files, people, links, publicUrl } = parts;
  const read = async (conversation: string): Promise<ThreadEntry[]> => {
    const found = new Map<string, ThreadEntry>();
    let before: number | undefined = Infinity;
    while (before !== undefined) {
      // Entries of the last moment stand on both pages.
      const part: Awaited<ReturnType<Threads['read']>> = await threads.read(
        conversation,
        atOnce,
        before === Infinity ? undefined : before + 1,
      );
      const size = found.size;
      for (const entry of part.entries) found.set(entry.id, entry);
      before = found.size > size ? part.before : undefined;
    }
    return [...found.values()].toSorted((one, other) => one.at - other.at);
  };
  return {
    async make(conversation, timezone, signal) {
      const entries: ExportEntry[] = [];
      const room = { bytes: mostBytes, missing: 0 };
      for (const entry of await read(conversation)) {
        signal.throwIfAborted();
        const said = await entryOf(parts, entry, room, signal);
        if (said) entries.push(said);
      }
      const whole = { entries, timezone };
      const [markdown, html] = [exportMarkdown(whole), exportHtml(whole)].map((text) =>
        Buffer.from(text),
      ) as [Buffer, Buffer];
      if (markdown.byteLength + html.byteLength > mostBytes) return undefined;
      try {
        const about = { type: 'text/markdown; charset=utf-8', name: 'conversation.md' };
        const first = await files.put(markdown, about, conversation);
        const page = { type: 'text/html; charset=utf-8', name: 'conversation.html' };
        const second = await files.put(html, page, conversation);
        const detail: ExportDetail = { markdown: first.token, html: second.token };
        const { token } = await links.add({
          purpose: 'export',
          person: await people.idOf(conversation),
          object: 'conversation',
          detail: JSON.stringify(detail),
          uses: 1,
        });
        const url = `${publicUrl}/link/${token}`;
        return { url, messages: entries.length, missing: room.missing };
      } catch (error) {
        if (error instanceof FileStoreFullError || error instanceof MemoryFullError)
          return undefined;
        throw error;
      }
    },
  };
}

/** What is left of the size, and how many pictures and files found no place. */
type Room = { bytes: number; missing: number };

/** An entry as it was said; undefined if it was never sent, or is no longer kept. */
async function entryOf(
  parts: ExporterDeps,
  entry: ThreadEntry,
  room: Room,
  signal: AbortSignal,
): Promise<ExportEntry | undefined> {
  if (entry.kind === 'message') {
    const { message, at } = entry;
    if (!message) return undefined;
    room.bytes -= sizeOf(message.text);
    const files: ExportFile[] = [];
    for (const [index, { url, type }] of message.media.entries())
      files.push(
        await withBytes({ name: `${kindOf(type)} ${index + 1}`, type }, room, async () =>
          parts.fetchMedia(url, signal).catch(() => {
            signal.throwIfAborted();
            return undefined;
          }),
        ),
      );
    const by = isFromPerson(message) ? 'You' : 'Not written by you';
    return { at, by, text: textOf(message), choices: [], files, isUndelivered: false };
  }
  const { reply, at } = entry;
  if (!reply || reply.status === 'withdrawn') return undefined;
  room.bytes -= sizeOf(reply.text);
  const page = await pageOf(parts, reply);
  if (page !== undefined) room.bytes -= sizeOf(page);
  const { file } = reply;
  return {
    at,
    by: 'Sidepocket',
    text: reply.text,
    choices: reply.choices?.items.map(({ title }) => title) ?? [],
    files: file
      ? [await withBytes(file, room, async () => await readFile(parts.files, file.token))]
      : [],
    isUndelivered: reply.status === 'failed',
    ...(page === undefined ? {} : { page }),
  };
}

/** A text stands in both files, in one of them escaped. */
function sizeOf(text: string): number {
  return 3 * Buffer.byteLength(text) + 400;
}

function textOf({ text, location }: Message): string {
  if (!location) return text;
  const { latitude, longitude, label, address } = location;
  return [text, label, address, `${latitude}, ${longitude}`].filter(Boolean).join('\n');
}

function kindOf(type: string): string {
  return type.split('/')[0] || 'file';
}

/** A picture with its bytes, if they are to be had and there is room: base64, in both files. */
async function withBytes(
  { name, type }: { name: string; type: string },
  room: Room,
  read: () => Promise<Buffer | undefined>,
): Promise<ExportFile> {
  if (!type.startsWith('image/')) return { name, type };
  const bytes = await read();
  const size = bytes ? Math.ceil(bytes.byteLength / 3) * 8 : 0;
  if (bytes && size <= room.bytes) {
    room.bytes -= size;
    return { name, type, bytes };
  }
  room.missing += 1;
  return { name, type, missing: bytes ? 'left out: too large' : 'no longer kept' };
}

async function readFile(files: FileStore, token: string): Promise<Buffer | undefined> {
  const file = await files.find(token);
  if (!file) return undefined;
  const pieces: Buffer[] = [];
  try {
    for await (const piece of files.read(file)) pieces.push(piece);
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}

/** The whole answer behind the address of a page. */
async function pageOf({ pages }: ExporterDeps, { text }: Reply): Promise<string | undefined> {
  const token = /\/page\/([\w-]{48,50})/.exec(text)?.[1];
  const page = token === undefined ? undefined : await pages.find(token);
  return page?.form === undefined ? page?.markdown : undefined;
}
