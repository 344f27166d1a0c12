import type { Worker } from 'bullmq';
import type { Log } from '../../shared/runtime/log.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';

/**
 * The homes whose computers do not come up and for which this worker sends what they had written,
 * and says what is due. Their turns wait for them: the files are there.
 */
export type Helping = {
  homes(): HomeSuffix[];
  /**
   * Opens the queues of homes that are new in this list, and closes those of homes that are back.
   */
  follow(homes: HomeSuffix[]): void;
};

export type HelpingDeps = {
  /** The open queues by their names; those that are opened here are added. */
  workers: Map<string, Worker>;
  /** Opens the queues of a home that need none of its files. */
  open(home: HomeSuffix): Worker[];
  /** Adds the jobs that the home's last worker has left out. */
  sweep(home: HomeSuffix): Promise<unknown>;
  log: Log;
};

export function createHelping({ workers, open, sweep, log }: HelpingDeps): Helping {
  const helped = new Map<HomeSuffix, Worker[]>();

  const begin = (home: HomeSuffix): void => {
    log.warn({ home }, 'sending for a home whose computer does not come up');
    const opened = open(home);
    helped.set(home, opened);
    for (const worker of opened)
      worker
        .run()
        .catch((error: unknown) => log.error({ err: error, queue: worker.name }, 'queue stopped'));
    sweep(home).catch((error: unknown) => log.warn({ err: error }, 'sweep for a home failed'));
  };
  const end = (home: HomeSuffix, opened: Worker[]): void => {
    log.info({ home }, 'a home is back: no longer sending for it');
    helped.delete(home);
    for (const worker of opened) {
      workers.delete(worker.name);
      worker
        .close()
        .catch((error: unknown) => log.warn({ err: error, queue: worker.name }, 'closing failed'));
    }
  };
  return {
    homes: () => [...helped.keys()],
    follow(homes) {
      for (const home of homes) if (!helped.has(home)) begin(home);
      for (const [home, opened] of helped) if (!homes.includes(home)) end(home, opened);
    },
  };
}
