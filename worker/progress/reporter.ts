import type { Log } from '../../shared/runtime/log.ts';
import type { AgentEvent } from '../agent/agent.ts';
import type { Mailbox } from '../turn/mailbox.ts';
import type { Narrator, Told } from './progress.ts';

/**
 * Reports a turn's progress to the person. Its timer only posts that a line is due: the turn
 * handles that like everything else, so that lines and answers keep their order.
 */
export type ProgressReporter = {
  /** From now on lines are due. */
  start(): void;
  note(event: AgentEvent): void;
  /** The person received something of this turn another way. */
  said(): void;
  /** Sends the line that is due now, if one is. */
  tellDue(): Promise<void>;
  /** Sends the remaining lines, so that the answer comes last. */
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
  mailbox: Pick<Mailbox, 'post'>;
  log: Log;
  /** The time in ms since 1970. */
  now: () => number;
};

/**
 * Polls the narrator at the right times. A line that cannot be sent is dropped: the turn itself
 * detects that it was taken over. Its methods are called one after the other.
 */
export function createProgressReporter(deps: ProgressReporterDeps): ProgressReporter {
  const { narrator, tell, isWaiting, mailbox, log, now } = deps;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;

  const hand = async (told: Told): Promise<void> => {
    try {
      await tell(told);
    } catch (error) {
      log.debug({ err: error }, 'progress line dropped');
    }
  };
  const rewind = (): void => {
    clearTimeout(timer);
    const ms = isRunning ? narrator.nextDue(now()) : undefined;
    if (ms === undefined) return;
    timer = setTimeout(() => mailbox.post({ kind: 'progress-due' }), Math.max(ms, 1));
  };

  return {
    start() {
      isRunning = true;
      rewind();
    },
    note(event) {
      narrator.note(event, now());
      rewind();
    },
    said() {
      narrator.said(now());
      rewind();
    },
    async tellDue() {
      if (!isRunning) return;
      if (isWaiting()) narrator.idle(now());
      const told = narrator.due(now());
      if (told) await hand(told);
      rewind();
    },
    async flush() {
      for (let told = narrator.rest(now()); told; told = narrator.rest(now())) await hand(told);
    },
    stop() {
      isRunning = false;
      clearTimeout(timer);
    },
  };
}
