import type { Log } from '../../shared/runtime/log.ts';
import type { Schedules } from '../../shared/store/schedules.ts';

/** How often it looks while the worker is awake (ms). */
const everyMs = 3600_000;

/**
 * Plans schedules anew that stand too late, because a clock was ahead when they were planned.
 * `look` looks now, and from then on once an hour; a failure is logged.
 */
export function watchLateSchedules(
  schedules: Pick<Schedules, 'planAgain'>,
  log: Log,
): { look(): Promise<void>; stop(): void } {
  let hourly: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    hourly ??= setInterval(() => void look(), everyMs).unref();
    try {
      const count = await schedules.planAgain(Date.now());
      if (count > 0) log.warn({ schedules: count }, 'schedules stood too late: planned anew');
    } catch (error) {
      log.warn({ err: error }, 'looking for late schedules failed');
    }
  };
  return { look, stop: () => clearInterval(hourly) };
}
