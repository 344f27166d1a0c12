import { saveCompiledCode } from '../../shared/runtime/compile-cache.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import type { Messenger } from '../../shared/delivery/messenger.ts';
import type { FileReader } from '../reading/file-reader.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { createFileLifetimes } from './file-lifetimes.ts';
import type { FileLifetimeDeps } from './file-lifetimes.ts';

/** How often an awake worker looks for schedules that are due too late (ms). */
const planEveryMs = 3600_000;

export type ChoresDeps = FileLifetimeDeps & {
  schedules: Schedules;
  reader: FileReader;
  messenger: Pick<Messenger, 'warmUp'>;
  /** How long after the worker's start they begin (ms). */
  delayMs: number;
};

/**
 * What a worker does besides its jobs, delayed because the first turn's Claude needs the machine
 * more than the first file and the first buttons do.
 */
export function startChores({
  schedules,
  reader,
  messenger,
  delayMs,
  ...files
}: ChoresDeps): Running {
  const lifetimes = createFileLifetimes(files);
  const schedulesAgain = planSchedulesAgain(schedules, files.log);
  const warming = setTimeout(
    () =>
      void Promise.all([
        messenger.warmUp?.(),
        reader.warm(),
        lifetimes.clean(),
        schedulesAgain.look(),
      ]).then(saveCompiledCode),
    delayMs,
  ).unref();
  const daily = lifetimes.start();
  return {
    async stop() {
      clearTimeout(warming);
      await Promise.all([schedulesAgain.stop(), daily.stop()]);
    },
  };
}

/**
 * Plans schedules again that are due too late because a clock was ahead when they were planned.
 * `look` looks now, and from then on once an hour; a failure is logged.
 */
function planSchedulesAgain(
  schedules: Pick<Schedules, 'planAgain'>,
  log: Log,
): { look(): Promise<void>; stop(): void } {
  let hourly: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    hourly ??= setInterval(() => void look(), planEveryMs).unref();
    try {
      const count = await schedules.planAgain(Date.now());
      if (count > 0) log.warn({ schedules: count }, 'schedules were due too late: planned again');
    } catch (error) {
      log.warn({ err: error }, 'looking for schedules that are due too late failed');
    }
  };
  return { look, stop: () => clearInterval(hourly) };
}
