import type { Log } from '../../shared/runtime/log.ts';
import type { People } from '../../shared/store/people.ts';
import { NoPlaceError } from './kept-directory.ts';
import type { Secrets } from './secrets.ts';

/**
 * Notes the names of a person's secrets in their record, once for each state: when their computer
 * is lost, the next one can say which of them are missing. Never throws.
 */
export type NoteNames = (person: string) => Promise<void>;

export function createNoteNames(
  people: Pick<People, 'note'>,
  secrets: Pick<Secrets, 'list'>,
  log: Log,
): NoteNames {
  const noted = new Map<string, string>();
  return async (person) => {
    try {
      const names = (await secrets.list(person)).map(({ name }) => name).join(', ');
      if (noted.get(person) === names) return;
      await people.note(person, { secrets: names });
      noted.set(person, names);
    } catch (error) {
      if (!(error instanceof NoPlaceError))
        log.warn({ err: error }, 'could not note the names of secrets');
    }
  };
}
