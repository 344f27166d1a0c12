import type { Log } from '../../shared/runtime/log.ts';
import type { AgentEvent } from '../agent/agent.ts';
import type { Narrator, Told } from './progress.ts';

/** Reports a turn's progress to the person, with a timer. */
export type ProgressReporter = {
  note(event: AgentEvent): void;
  /** The person received something of this turn another way. */
  said(): void;
  /**
   * Sends the remaining lines, and waits until they are in the outbox, so that the answer comes
   * last.
   */
  flush(): Promise<void>;
  /** Stops reporting. */
  stop(): void;
};

export type ProgressReporterDeps = {
  narrator: Narrator;
  /** Puts a line into the chat. */
  tell: (told: Told) => Promise<unknown>;
  /** Whether the turn waits for the person, who needs no progress then. */
  isWaiting: () => boolean;
  log: Log;
  /** The time in ms since 1970. */
  now: () => number;
};

/**
 * Polls the narrator at the right times and passes its lines to `tell`, one after the other. A line
 * that cannot be sent is dropped: the turn itself detects that it was taken over.
 */
export function startProgressReporter({
  narrator,
  tell,
  isWaiting,
  log,
  now,
}: ProgressReporterDeps): ProgressReporter {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let reporter: Promise<unknown> = Promise.resolve();

  const hand = (told: Told): void => {
    reporter = reporter
      .then(() => tell(told))
      .catch((error: unknown) => log.debug({ err: error }, 'progress line dropped'));
  };
  const rewind = (): void => {
    clearTimeout(timer);
    const ms = stopped ? undefined : narrator.nextDue(now());
    if (ms === undefined) return;
    timer = setTimeout(
      () => {
        if (isWaiting()) narrator.idle(now());
        const told = narrator.due(now());
        if (told) hand(told);
        rewind();
      },
      Math.max(ms, 1),
    );
  };
  rewind();

  return {
    note(event) {
      narrator.note(event, now());
      rewind();
    },
    said() {
      narrator.said(now());
      rewind();
    },
    async flush() {
      for (let told = narrator.rest(now()); told; told = narrator.rest(now())) hand(told);
      await reporter;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
