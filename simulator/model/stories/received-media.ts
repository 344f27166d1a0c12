import { extname } from 'node:path';
import { text } from '../answer.ts';
import type { ConversationView } from '../conversation-view.ts';
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
export function namedFiles(asked: string): string[] {
  return [...new Set([...asked.matchAll(pathPattern)].map((match) => match[1] ?? ''))].filter(
    (path) => kindOf(path) !== undefined,
  );
}

/**
 * Describes the received files. It is chosen when a turn has pictures or documents and no words
 * that another story matches.
 */
export const receivedMedia: Story = {
  matches: (asked) => namedFiles(asked).length > 0,
  next(view, asked) {
    const counted = countKinds(view, asked);
    const list = counted
      .map(([kind, count]) => (count === 1 ? `1 ${kind}` : `${count} ${kind}s`))
      .join(' and ');
    return text(`I received ${list}. A scripted model cannot look inside, but it did arrive.`);
  },
};

/** Content blocks take precedence: a file that the text also names by its path is the same file. */
function countKinds(view: ConversationView, asked: string): [string, number][] {
  const kinds = new Map<string, number>();
  for (const path of namedFiles(asked)) {
    const kind = kindOf(path) ?? 'file';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const blocks: [string, number][] = [
    ['picture', view.media.images],
    ['document', view.media.documents],
  ];
  for (const [kind, count] of blocks) if (count > (kinds.get(kind) ?? 0)) kinds.set(kind, count);
  return [...kinds];
}

function kindOf(path: string): string | undefined {
  return kindWords[extname(path).slice(1).toLowerCase()];
}
