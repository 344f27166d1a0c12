import type { Running } from '../shared/runtime/lifecycle.ts';
import type { Log } from '../shared/runtime/log.ts';

/** How long after a step that failed it is tried again (ms). */
const againMs = 2000;

/**
 * Runs the steps one after the other, each until it has succeeded: nothing of it needs a restart by
 * hand.
 */
export function beginInOrder(steps: (() => Promise<void>)[], log: Log): Running {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async (index: number): Promise<void> => {
    const step = steps[index];
    if (!step || stopped) return;
    try {
      await step();
    } catch (error) {
      log.warn(
        { err: error, step: index + 1, of: steps.length },
        'a part of the relay could not begin yet',
      );
      if (!stopped) timer = setTimeout(() => void run(index), againMs);
      return;
    }
    await run(index + 1);
  };
  void run(0);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
