import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import type { Messenger } from '../../shared/delivery/messenger.ts';
import type { FileReader } from '../reading/file-reader.ts';
import { watchLateSchedules } from '../schedules/late-schedules.ts';
import { createFileLifetimes } from './file-lifetimes.ts';
import type { FileLifetimeParts } from './file-lifetimes.ts';

export type ChoresParts = FileLifetimeParts & {
  schedules: Schedules;
  reader: FileReader;
  messenger: Pick<Messenger, 'warmUp'>;
  /** How long after the worker's start they begin (ms). */
  delayMs: number;
};

/**
 * What a worker does besides its jobs, delayed because the first turn's Claude needs the machine more
 * than the first file and the first buttons do.
 */
export function startChores({
  schedules,
  reader,
  messenger,
  delayMs,
  ...files
}: ChoresParts): Running {
  const lifetimes = createFileLifetimes(files);
  const late = watchLateSchedules(schedules, files.log);
  const warming = setTimeout(
    () => void Promise.all([messenger.warmUp?.(), reader.warm(), lifetimes.clean(), late.look()]),
    delayMs,
  ).unref();
  const daily = lifetimes.start();
  return {
    async stop() {
      clearTimeout(warming);
      await Promise.all([late.stop(), daily.stop()]);
    },
  };
}
