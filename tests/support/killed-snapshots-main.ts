import { createHomes } from '../../worker/agent/homes/homes.ts';
import { createNotes } from '../../worker/snapshots/notes.ts';
import { createPlace } from '../../worker/snapshots/place.ts';
import { createRepository } from '../../worker/snapshots/repository.ts';
import { createRestic } from '../../worker/snapshots/restic.ts';
import { restoreHome } from '../../worker/snapshots/restore.ts';
import { takeSnapshot } from '../../worker/snapshots/take.ts';

// A process that takes or restores one snapshot of p-1, and is killed meanwhile.
const [action, dataDir = '', repository = '', password = '', at = '0'] = process.argv.slice(2);
const store = createRepository(
  createRestic({ repository, password, cacheDir: `${dataDir}/snapshots/cache` }),
);
const homes = createHomes({ dataDir, imagesDir: `${dataDir}/images` });
const home = await homes.of('p-1');
if (action === 'take')
  await takeSnapshot(
    { repository: store, limits: { bytes: 1e9, files: 1000 } },
    { home, digest: undefined, at: Number(at), signal: new AbortController().signal },
  );
else {
  const snapshot = await store.newest('p-1');
  if (!snapshot) throw new Error('there is no snapshot');
  await restoreHome(
    { repository: store, place: createPlace(homes), notes: createNotes(dataDir) },
    home,
    snapshot,
  );
}
