import { toJson } from '../../runtime/json.ts';

/** An entry as JSON, what is kept of it without room ('' for nothing), and whose room it takes. */
export type EntryForms = [entry: string, bare: string, room: '' | 'output' | 'picture'];

/** The most entries of a record: a turn of 2,000 steps. The last one says that there were more. */
export const mostEntries = 4000;

/** What a turn's outputs, and its pictures, may take (bytes of JSON), and all records together. */
export type RecordCaps = { roomBytes: number; totalBytes: number };
const usualCaps: RecordCaps = { roomBytes: 512 * 1024, totalBytes: 32 * 1024 * 1024 };

/** Entries as the scripts take them that add to the record of a turn. */
export function recordNote(entries: EntryForms[], caps = usualCaps): string {
  return toJson({ entries, mostEntries, ...caps });
}

/** The note that a run begins, or that something has changed which is kept elsewhere; now. */
export function eventNote(kind: 'run' | 'news', now = Date.now()): string {
  return recordNote([[JSON.stringify({ kind, at: now }), '', '']]);
}
