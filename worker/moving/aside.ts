import type { Homes } from '../agent/homes/homes.ts';
import { createNotes } from '../snapshots/notes.ts';
import { createPlace } from '../snapshots/place.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';

/** Keeps this disk from showing a person files that they had here before they moved. */
export type Aside = {
  /**
   * Sets a person's files aside, unless they are of this epoch or a later one: the directory is
   * renamed to `.left-PERSON-TIME` beside the homes, and nothing uses it from then on. Returns that
   * name; undefined when there was nothing to set aside. `also` runs with it, before it. A kill
   * anywhere leaves the one name or the other.
   */
  setAside(
    person: string,
    epoch: number,
    also?: () => Promise<unknown>,
  ): Promise<string | undefined>;
};

export type AsideDeps = {
  homes: Homes;
  snapshots: Pick<Snapshots, 'forget'> | undefined;
  now?: () => number;
};

export function createAside({ homes, snapshots, now = Date.now }: AsideDeps): Aside {
  const notes = createNotes(homes.dataDir);
  const place = createPlace(homes);
  /** The epochs that this process has seen on the disk: a look costs a lock. */
  const known = new Map<string, number>();
  return {
    async setAside(person, epoch, also) {
      if ((known.get(person) ?? -1) >= epoch) return undefined;
      await notes.prepare();
      if (((await notes.read(person)).epoch ?? 0) >= epoch) {
        known.set(person, epoch);
        return undefined;
      }
      const home = await homes.of(person);
      // Before the lock, which a snapshot that is given up may wait for.
      await snapshots?.forget(person);
      const name = await notes.locked(person, async () => {
        const { epoch: own = 0 } = await notes.read(person);
        if (own >= epoch) return undefined;
        await also?.();
        const hasFiles = await place.hasFiles(home, person);
        const left = `.left-${person}-${now()}`;
        // First: files that are here without a note of a snapshot are never taken for the last
        // ones.
        await notes.write(person, {});
        if (hasFiles) await place.rename(home, person, left);
        await notes.write(person, { epoch });
        return hasFiles ? left : undefined;
      });
      if (name !== undefined) homes.forget(person);
      known.set(person, epoch);
      return name;
    },
  };
}
