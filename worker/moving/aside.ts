import type { Homes } from '../agent/homes/homes.ts';
import { createNotes } from '../snapshots/notes.ts';
import { createPlace } from '../snapshots/place.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';

/** Keeps this disk from showing a person files that they had here before they moved. */
export type Aside = {
  /**
   * Sets a person's files aside, unless they are of this epoch or a later one: the directory is
   * renamed to `.left-PERSON-TIME` beside the homes, and nothing uses it from then on. `also` runs
   * with it, before it. A kill anywhere leaves the one name or the other.
   */
  setAside(person: string, epoch: number, also?: () => Promise<unknown>): Promise<void>;
  /**
   * The name that `setAside` will give a person's files, which is noted: it is the same after a
   * kill. Undefined when there is nothing to set aside.
   */
  nameLeft(person: string, epoch: number): Promise<string | undefined>;
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
  /** Whether what the disk has of a person is of this epoch or a later one. */
  const isOf = async (person: string, epoch: number): Promise<boolean> => {
    if ((known.get(person) ?? -1) >= epoch) return true;
    await notes.prepare();
    if (((await notes.read(person)).epoch ?? 0) < epoch) return false;
    known.set(person, epoch);
    return true;
  };
  const newName = (person: string): string => `.left-${person}-${now()}`;
  return {
    async nameLeft(person, epoch) {
      if (await isOf(person, epoch)) return undefined;
      if (!(await place.hasFiles(await homes.of(person), person))) return undefined;
      await notes.change(person, (note) => ({ ...note, left: note.left ?? newName(person) }));
      return (await notes.read(person)).left;
    },
    async setAside(person, epoch, also) {
      if (await isOf(person, epoch)) return;
      const home = await homes.of(person);
      // Before the lock, which a snapshot that is given up may wait for.
      await snapshots?.forget(person);
      const isSet = await notes.locked(person, async () => {
        const note = await notes.read(person);
        if ((note.epoch ?? 0) >= epoch) return false;
        await also?.();
        const hasFiles = await place.hasFiles(home, person);
        const left = note.left ?? newName(person);
        // First: files that are here without a note of a snapshot are never taken for the last
        // ones.
        await notes.write(person, { left });
        if (hasFiles) await place.rename(home, person, left);
        await notes.write(person, { epoch });
        return hasFiles;
      });
      if (isSet) homes.forget(person);
      known.set(person, epoch);
    },
  };
}
