import type { Log } from '../../shared/runtime/log.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import { vmNoteMs } from '../../shared/store/money/meters.ts';
import type { Meters, VmMeter } from '../../shared/store/money/meters.ts';

export type VmWatchDeps = {
  meters: Pick<Meters, 'startVm' | 'noteCommands'>;
  worker: string;
  home: string;
  /** Since when the process runs (ms since 1970). */
  since: number;
  log: Log;
};

/**
 * Counts how long the VM is awake, from the start of its process to its end: now and then, and at
 * the end. A Redis that is away loses nothing of it: the next note counts it. Redis's own count of
 * commands is looked at with each note, since nothing runs in a system that sleeps.
 */
export function watchVm({ meters, worker, home, since, log }: VmWatchDeps): Running {
  let meter: VmMeter | undefined;
  const attempt = async (step: (of: VmMeter) => Promise<void>): Promise<void> => {
    try {
      meter ??= await meters.startVm(worker, home, since);
      await step(meter);
    } catch (error) {
      log.warn({ err: error }, 'could not note how long the computer is awake');
    }
  };
  const starting = attempt(async () => undefined);
  const noteBoth = async (of: VmMeter): Promise<void> => {
    await of.note();
    await meters.noteCommands();
  };
  const timer = setInterval(() => void attempt(noteBoth), vmNoteMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      await starting;
      await attempt((of) => of.end());
    },
  };
}
