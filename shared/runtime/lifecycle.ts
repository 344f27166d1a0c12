import type { Log } from './log.ts';
import { SetupError, reportError } from './errors.ts';

/**
 * Something that runs until it is stopped. Stopping twice is fine and both calls end when it has
 * stopped.
 */
export type Running = { stop(): Promise<void> };

/** Gives back what was opened, in reverse order. */
export type Releasers = {
  /** `patienceMs` bounds how long the release may take: with Redis away some would never end. */
  add(name: string, release: () => unknown, patienceMs?: number): void;
  run(): Promise<void>;
};

/**
 * Collects what must be closed. `run` closes in reverse, goes on after a failure and closes each
 * thing once; the caller also uses it when a start fails half-way.
 */
export function createReleasers(log: Log): Releasers {
  const stack: { name: string; release: () => unknown; patienceMs: number }[] = [];
  let running: Promise<void> | undefined;
  const releaseAll = async (): Promise<void> => {
    for (let entry = stack.pop(); entry; entry = stack.pop()) {
      try {
        await within(entry.patienceMs, entry.release());
      } catch (error) {
        log.warn({ err: error, part: entry.name }, 'closing failed');
      }
    }
  };
  return {
    add: (name, release, patienceMs = 10_000) => stack.push({ name, release, patienceMs }),
    run: () => (running ??= releaseAll()),
  };
}

async function within(ms: number, work: unknown): Promise<void> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(() => deadline.reject(new Error(`it took longer than ${ms} ms`)), ms);
  try {
    await Promise.race([work, deadline.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * How long a start may still take after the process was told to stop (ms); it may be waiting for
 * Redis.
 */
const startPatience = 10_000;

/**
 * Starts a process's one lifetime and ends it by one policy: the first SIGTERM or SIGINT stops
 * softly and exits 0, a second one exits at once (130). One that comes during the start waits for
 * it, so that what was opened is closed. `start` is given a way to end the process from inside,
 * softly and without being a signal. A start that fails prints why and exits 1.
 */
export async function runProcess(
  log: Log,
  start: (quit: () => void) => Promise<Running>,
): Promise<void> {
  const started = Promise.withResolvers<Running>();
  let signals = 0;
  let ending: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    try {
      await within(startPatience, started.promise);
      await (await started.promise).stop();
      process.exit(0);
    } catch (error) {
      log.error({ err: error }, 'stopping failed');
      process.exit(1);
    }
  };
  const quit = (): void => void (ending ??= end());
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(130);
    log.info({ signal }, 'stopping');
    quit();
  };
  // A promise that nobody waited for is a defect, and no reason to drop what else is under way.
  process.on('unhandledRejection', (error) =>
    log.error(
      { err: error, stack: error instanceof Error ? error.stack : undefined },
      'a defect: an unhandled rejection',
    ),
  );
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    started.resolve(await start(quit));
  } catch (error) {
    if (error instanceof SetupError) process.stderr.write(`${error.message}\n`);
    else
      log.fatal(
        { err: error, stack: error instanceof Error ? error.stack : undefined },
        `could not start: ${reportError(error).message}`,
      );
    process.exit(1);
  }
}
