import path from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../shared/runtime/json.ts';
import { createKeptDirectory } from '../secrets/kept-directory.ts';
import { withHomeLock } from './home-lock.ts';

/** What this disk knows about the snapshots of a person's home. */
const Note = z.object({
  /** The snapshot that the home has or continues (ms since 1970). */
  at: z.number().optional(),
  /** The digest of the inventory of that snapshot, if it was taken here. */
  digest: z.string().optional(),
  /**
   * A restore that the person was not notified of: the snapshot's moment, when it was restored, and
   * how many links were left out.
   */
  untold: z.object({ at: z.number(), on: z.number(), links: z.number() }).optional(),
  /** When the person's repository was last tidied here (ms since 1970). */
  tidiedAt: z.number().optional(),
  /** How often the person had moved when these files became theirs here. */
  epoch: z.number().optional(),
  /** The name that the files get when they are set aside, once the owner knows it. */
  left: z.string().optional(),
});
export type Note = z.output<typeof Note>;

/**
 * The notes of this disk, in a directory of the worker's own: one a person, which is changed under
 * the home's lock, and a mark on each home with work that no snapshot has.
 */
export type Notes = {
  /** Creates the directory. Throws NoPlaceError when this disk has no place for it. */
  prepare(): Promise<void>;
  /** Runs a step under the home's lock, which no other worker on this disk has meanwhile. */
  locked<T>(person: string, step: () => Promise<T>): Promise<T>;
  /** A person's note; an empty one without any. */
  read(person: string): Promise<Note>;
  /** Writes a note; the caller holds the lock. */
  write(person: string, note: Note): Promise<void>;
  /** Changes a note under the lock; `change` may leave it as it is. */
  change(person: string, change: (note: Note) => Note): Promise<void>;
  /** Marks a home, and unmarks it. */
  mark(person: string, conversation: string): Promise<void>;
  unmark(person: string): Promise<void>;
  /** The conversation whose work has left a mark. */
  marked(person: string): Promise<string | undefined>;
};

/** The directory of notes, locks and restic's cache below DATA_DIR. */
export function notesDirectory(dataDir: string): string {
  return path.join(dataDir, 'snapshots');
}

export function createNotes(dataDir: string): Notes {
  const directory = notesDirectory(dataDir);
  const kept = createKeptDirectory(directory);
  const read: Notes['read'] = async (person) => {
    const bytes = await kept.read(`${person}.json`);
    return (bytes && Note.safeParse(parseJson(bytes.toString('utf8'))).data) ?? {};
  };
  const write: Notes['write'] = (person, note) =>
    kept.write(`${person}.json`, Buffer.from(JSON.stringify(note)));
  const locked: Notes['locked'] = (person, step) =>
    withHomeLock(path.join(directory, `${person}.lock`), step);
  return {
    prepare: () => kept.writeOnce('.kept', Buffer.alloc(0)),
    locked,
    read,
    write,
    change: (person, change) =>
      locked(person, async () => {
        const note = await read(person);
        const changed = change(note);
        if (changed !== note) await write(person, changed);
      }),
    mark: (person, conversation) => kept.write(`${person}.mark`, Buffer.from(conversation)),
    unmark: (person) => kept.remove(`${person}.mark`),
    marked: async (person) => (await kept.read(`${person}.mark`))?.toString('utf8'),
  };
}
