import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TwinLog } from './log.ts';

/**
 * Work that continues after a request was answered: media downloads, callbacks, webhooks. Contract:
 * a task that fails is logged and harms no other; `stop` aborts the signal and waits for every
 * task.
 */
export class Background {
  readonly #log: TwinLog;
  readonly #controller = new AbortController();
  readonly #tasks = new Set<Promise<void>>();

  constructor(log: TwinLog) {
    this.#log = log;
    // Every waiting task listens on this one signal, so Node's leak warning at ten listeners does
    // not apply.
    setMaxListeners(0, this.#controller.signal);
  }

  /** Aborted when the twin stops. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts a task now; after `stop` it does nothing. */
  run(task: () => Promise<void>): void {
    if (this.signal.aborted) return;
    const running = task()
      .catch((error: unknown) => {
        if (!this.signal.aborted)
          this.#log.warn({ err: error }, 'twilio twin: a background task failed');
      })
      .finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }

  /** Waits `ms` milliseconds; rejects when the twin stops. */
  async pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.signal });
    this.signal.throwIfAborted();
  }

  /** Aborts the running tasks and resolves when all have ended. Stopping twice is fine. */
  async stop(): Promise<void> {
    this.#controller.abort();
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }
}
