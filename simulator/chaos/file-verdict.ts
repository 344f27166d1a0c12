import { readFiles } from './kept-files.ts';
import { mentions } from './verdict.ts';
import type { Forgotten, Offence, ReceivedReply, SentMessage } from './verdict.ts';

/** A disk that was lost at a moment (ms since 1970), and the people whose files were on it. */
export type Loss = { at: number; phones: ReadonlySet<string> };

/** A file that an answer should have named, and when it was lost at the latest (ms since 1970). */
export type MissingFile = Offence & {
  /** When the file was there for certain. */
  writtenBy: number;
  /** The losses of the person's disk between its message and the answer. */
  lostAt: number[];
};

/** How far the moment that a snapshot has in the store may lie ahead of the real one (ms). */
const aheadMs = 3000;

/**
 * Finds the files of finished turns that a later answer of the same conversation does not name.
 */
export function findMissing(
  sent: readonly SentMessage[],
  replies: readonly ReceivedReply[],
  losses: readonly Loss[],
): MissingFile[] {
  const missing = new Map<string, MissingFile>();
  for (const reply of replies) {
    const named = readFiles(reply.text);
    if (!named) continue;
    const own = sent.filter(({ conversation }) => conversation === reply.conversation);
    const asked = own.find(({ label }) => mentions(reply, 'answer to', label));
    if (!asked) continue;
    const [oldest = ''] = named.labels;
    for (const { label, conversation, sid, sentAt } of own) {
      const finished = replies.find(
        (one) =>
          one.conversation === conversation &&
          mentions(one, 'answer to', label) &&
          readFiles(one.text),
      );
      // A turn that has not ended when the other one may have begun need not have written yet.
      if (!finished || finished.at >= asked.sentAt || named.labels.includes(label)) continue;
      if (!named.isAll && label < oldest) continue;
      const lostAt = losses
        .filter(({ at, phones }) => phones.has(conversation) && at > sentAt && at < reply.at)
        .map(({ at }) => at);
      const why = `its file is not among those of the answer to ${asked.label}`;
      if (!missing.has(sid))
        missing.set(sid, { label, conversation, sid, why, writtenBy: finished.at, lostAt });
    }
  }
  return [...missing.values()];
}

/**
 * The missing files: those that a snapshot should have brought back, and those that none had.
 */
export type MissingFiles = { missing: Offence[]; older: Offence[] };

/** What became of the files; `moves` of people, and `restores` of which they heard. */
export type FileVerdict = MissingFiles & { moves: number; restores: number };

/** How often people heard that their files were restored from an older snapshot. */
export function countRestores(replies: readonly ReceivedReply[]): number {
  return replies.filter(({ text }) => text.startsWith('Your files are back')).length;
}

/** @param snapshotsOf the moments of a person's complete snapshots (ms since 1970). */
export async function judgeMissing(
  files: readonly MissingFile[],
  snapshotsOf: (conversation: string) => Promise<number[]>,
): Promise<MissingFiles> {
  const verdict: MissingFiles = { missing: [], older: [] };
  const known = new Map<string, number[]>();
  for (const file of files) {
    const { label, conversation, sid, why } = file;
    const snapshots = known.get(conversation) ?? (await snapshotsOf(conversation));
    known.set(conversation, snapshots);
    const list = isExcused(file, snapshots) ? verdict.older : verdict.missing;
    list.push({ label, conversation, sid, why });
  }
  return verdict;
}

/**
 * Whether the age of the snapshots explains a missing file: it was on a lost disk, and no snapshot
 * that was complete before (their moments, ms since 1970) has it.
 */
function isExcused({ writtenBy, lostAt }: MissingFile, snapshots: readonly number[]): boolean {
  return lostAt.some((lost) => !snapshots.some((at) => at - aheadMs > writtenBy && at < lost));
}

/** The people who were moved while Redis lost a period: what it knows of their home is old then. */
export function lossesOf(
  forgotten: readonly Forgotten[],
  moves: readonly { from: number; to: number; phone: string | undefined }[],
  conversations: readonly string[],
): Loss[] {
  return forgotten.map(({ from, to }) => {
    const during = moves.filter((move) => move.from <= to && move.to >= from);
    const isMoved = (phone: string): boolean =>
      during.some((move) => move.phone === undefined || move.phone === phone);
    return { at: to, phones: new Set(conversations.filter(isMoved)) };
  });
}
