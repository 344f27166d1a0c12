import type { Log } from '../../shared/runtime/log.ts';
import type { Placement } from '../../shared/store/boxes/intake.ts';
import type { Stores } from '../../shared/store/stores.ts';
import { callHomes } from '../people/start-move.ts';

/** Who of a dead home goes on elsewhere, in words, and how many still wait for it. */
export type Rescued = { moved: string[]; waiting: number };

/** Gives the people of a dead home, by its name, another one. May be repeated. */
export type RescuePeople = (home: string) => Promise<Rescued>;

export type RescueDeps = {
  stores: Pick<Stores, 'redis' | 'turns' | 'people' | 'moves'>;
  placement: Placement;
  log: Log;
};

/**
 * People whose files are in a complete snapshot move where the placement allows: everybody else
 * waits for their home, and each further look tries again.
 */
export function createRescue({ stores, placement, log }: RescueDeps): RescuePeople {
  return async (home) => {
    const moved: string[] = [];
    let waiting = 0;
    for (const id of await stores.moves.peopleOf(home)) {
      const person = await stores.people.get(id);
      if (!person) continue;
      const { outcome, to } = await stores.moves.rescue(id, { placement });
      log.warn({ person: id, home, to, outcome }, 'looked for another home of a person');
      if (outcome !== 'moved') {
        waiting += 1;
        continue;
      }
      await callHomes(stores, person);
      moved.push(`${person.name ?? person.conversations[0] ?? id} on “${to}”`);
    }
    return { moved, waiting };
  };
}
