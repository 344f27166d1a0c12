import type { Log } from '../../shared/runtime/log.ts';
import type { Stores } from '../../shared/store/stores.ts';
import type { Boot } from '../process/boot.ts';
import type { Aside } from './aside.ts';

/** What moving needs of a worker. */
export type MovingDeps = {
  stores: Stores;
  boot: Pick<Boot, 'homes' | 'snapshots' | 'secrets' | 'personOf' | 'place' | 'claims' | 'agent'>;
  aside: Aside;
  log: Log;
};
