import type { Log } from './log.ts';
import { within } from './timeout.ts';
import { SetupError, reportError } from './errors.ts';

/**
 * Something that runs until it is stopped. Stopping twice is allowed, and both calls resolve when
 * it has stopped.
 */
export type Running = { stop(): Promise<void> };

/** Releases resources in reverse order of acquisition. */
export type Shutdown = {
  /**
   * `patienceMs` bounds the release: with Redis away some would never finish. What is added after
   * the end of `run`, by a step that finishes late, is released at once.
   */
  add(name: string, release: () => unknown, patienceMs?: number): void;
  run(): Promise<void>;
};

/**
 * Collects what must be closed. `run` closes in reverse order, continues after a failure and closes
 * each thing once; a start that fails half-way uses it, too.
 */
export function createShutdown(log: Log): Shutdown {
  const stack: { name: string; release: () => unknown; patienceMs: number }[] = [];
  let running: Promise<void> | undefined;
  let isOver = false;
  const releaseAll = async (): Promise<void> => {
    for (let entry = stack.pop(); entry; entry = stack.pop()) {
      try {
        await within<unknown>(entry.patienceMs, Promise.resolve(entry.release()));
      } catch (error) {
        log.warn({ err: error, part: entry.name }, 'closing failed');
      }
    }
    isOver = true;
  };
  return {
    add(name, release, patienceMs = 10_000) {
      stack.push({ name, release, patienceMs });
      if (isOver) void releaseAll();
    },
    run: () => (running ??= releaseAll()),
  };
}

/** How long a start may continue after a stop signal (ms); it may be waiting for Redis. */
const startPatience = 10_000;

/**
 * A second SIGINT within this time is the same Ctrl-C (ms): the terminal sends it to the whole
 * process group, and npm passes its own on.
 */
const samePressMs = 500;

/**
 * Runs a process from start to exit by one policy: the first SIGTERM or SIGINT stops gracefully and
 * exits 0, a second one exits at once (130). A signal during the start waits for the start, so that
 * opened resources are closed. `start` receives a function that ends the process gracefully from
 * inside, without a signal, and the signal of that end: a start that rejects with its reason,
 * having closed everything, exits 0. A failed start prints its cause and exits 1.
 */
export async function runProcess(
  log: Log,
  start: (quit: () => void, ended: AbortSignal) => Promise<Running>,
): Promise<void> {
  const started = Promise.withResolvers<Running>();
  const ended = new AbortController();
  let signals = 0;
  let firstPress = -Infinity;
  let ending: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    ended.abort(new Error('the process ends'));
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
    const at = performance.now();
    if (signal === 'SIGINT' && at - firstPress < samePressMs) return;
    if (signal === 'SIGINT') firstPress = at;
    signals += 1;
    if (signals > 1) process.exit(130);
    log.info({ signal }, 'stopping');
    quit();
  };
  // An unhandled rejection is a defect, but no reason to abort the other work.
  process.on('unhandledRejection', (error) =>
    log.error(
      { err: error, stack: error instanceof Error ? error.stack : undefined },
      'unhandled rejection (a bug)',
    ),
  );
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    started.resolve(await start(quit, ended.signal));
  } catch (error) {
    if (ended.signal.aborted && error === ended.signal.reason) process.exit(0);
    if (error instanceof SetupError) process.stderr.write(`${error.message}\n`);
    else
      log.fatal(
        { err: error, stack: error instanceof Error ? error.stack : undefined },
        `could not start: ${reportError(error).message}`,
      );
    process.exit(1);
  }
}
