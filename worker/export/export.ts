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
import { createSizeOf, exportHtml, exportMarkdown, isPicture } from './export-document.ts';
import type { ExportEntry, ExportFile } from './export-document.ts';

/**
 * The address of an export, how many messages are in it, how many of the oldest found no room, and
 * how many pictures were left out.
 */
export type Exported = { url: string; messages: number; older: number; missing: number };

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
      const drafts: Draft[] = [];
      for (const entry of await read(conversation)) {
        signal.throwIfAborted();
        const draft = await draftOf(parts, entry, signal);
        if (draft) drafts.push(draft);
      }
      const { kept, room } = fitTexts(drafts, createSizeOf(timezone));
      const missing = await addPictures(kept, room, signal);
      const entries = kept.map(({ said }) => said);
      const whole = { entries, timezone };
      const [markdown, html] = [exportMarkdown(whole), exportHtml(whole)].map((text) =>
        Buffer.from(text),
      ) as [Buffer, Buffer];
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
        return { url, messages: entries.length, older: drafts.length - kept.length, missing };
      } catch (error) {
        if (error instanceof FileStoreFullError || error instanceof MemoryFullError)
          return undefined;
        throw error;
      }
    },
  };
}

/** An entry without its pictures, and how to get the bytes of each. */
type Draft = { said: ExportEntry; pictures: { file: ExportFile; read: ReadBytes }[] };
type ReadBytes = () => Promise<Buffer | undefined>;

/** What both files have around the entries (bytes). */
const aroundBytes = 4096;

/** The newest entries that fit without their pictures, and the room that is left then (bytes). */
function fitTexts(
  drafts: readonly Draft[],
  sizeOf: (entry: ExportEntry) => number,
): { kept: Draft[]; room: number } {
  let room = mostBytes - aroundBytes;
  let from = drafts.length;
  while (from > 0) {
    const size = sizeOf((drafts[from - 1] as Draft).said);
    if (size > room) break;
    [room, from] = [room - size, from - 1];
  }
  return { kept: drafts.slice(from), room };
}

/** Adds the pictures that fit, the newest first. Returns how many are left out. */
async function addPictures(
  drafts: readonly Draft[],
  mostSize: number,
  signal: AbortSignal,
): Promise<number> {
  let [room, missing] = [mostSize, 0];
  for (const { file, read } of drafts.flatMap(({ pictures }) => pictures).toReversed()) {
    signal.throwIfAborted();
    // What is already full needs no more pictures from Twilio.
    const bytes = room > leastPicture ? await read() : undefined;
    // Base64, in both files.
    const size = bytes ? Math.ceil(bytes.byteLength / 3) * 8 + aroundPicture : 0;
    if (bytes && size <= room) {
      room -= size;
      file.bytes = bytes;
      delete file.missing;
      continue;
    }
    missing += 1;
    if (!bytes && room > leastPicture) file.missing = 'no longer kept';
  }
  return missing;
}

/** What a picture takes at least, and what both files have around its bytes (bytes). */
const leastPicture = 500;
const aroundPicture = 200;

/** A file of an entry; one that is shown as a picture gets its bytes later. */
function addFile(
  { said, pictures }: Draft,
  { name, type }: { name: string; type: string },
  read: ReadBytes,
): void {
  const file: ExportFile = { name, type };
  said.files.push(file);
  if (!isPicture(type)) return;
  file.missing = 'left out: too large';
  pictures.push({ file, read });
}

/** An entry as it was said; undefined if it was never sent, or is no longer kept. */
async function draftOf(
  parts: ExporterDeps,
  entry: ThreadEntry,
  signal: AbortSignal,
): Promise<Draft | undefined> {
  const { at } = entry;
  if (entry.kind === 'message') {
    const { message } = entry;
    if (!message) return undefined;
    const by = isFromPerson(message) ? 'You' : 'Not written by you';
    const text = textOf(message);
    const draft: Draft = {
      said: { at, by, text, choices: [], files: [], isUndelivered: false },
      pictures: [],
    };
    for (const [index, { url, type }] of message.media.entries())
      addFile(draft, { name: `${kindOf(type)} ${index + 1}`, type }, async () =>
        parts.fetchMedia(url, signal).catch(() => {
          signal.throwIfAborted();
          return undefined;
        }),
      );
    return draft;
  }
  const { reply } = entry;
  if (!reply || reply.status === 'withdrawn') return undefined;
  const page = await pageOf(parts, reply);
  const said: ExportEntry = {
    at,
    by: 'Sidepocket',
    text: reply.text,
    choices: reply.choices?.items.map(({ title }) => title) ?? [],
    files: [],
    isUndelivered: reply.status === 'failed',
    ...(page === undefined ? {} : { page }),
  };
  const draft: Draft = { said, pictures: [] };
  const { file } = reply;
  if (file) addFile(draft, file, async () => await readFile(parts.files, file.token));
  return draft;
}

function textOf({ text, location }: Message): string {
  if (!location) return text;
  const { latitude, longitude, label, address } = location;
  return [text, label, address, `${latitude}, ${longitude}`].filter(Boolean).join('\n');
}

function kindOf(type: string): string {
  return type.split('/')[0] || 'file';
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
