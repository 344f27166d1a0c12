import type { IdleSessions } from './idle-sessions.ts';
import type { LiveSession } from './session.ts';
import type { Prewarmed } from './prewarmed.ts';

/**
 * Limits live Claude Code processes: working, idle and prewarmed together; a browser counts as one
 * more. Working processes are never ended to meet the limit.
 */
export type ProcessPool = {
  /**
   * Starts closing the prewarmed process, which is cheap to replace, and then idle processes, least
   * recently used first, until `more` fit or none is left.
   */
  makeRoom(more: number): void;
  /** Whether there is room for one more. */
  hasRoom(): boolean;
};

export type ProcessPoolDeps = {
  most: number;
  idle: IdleSessions;
  working: () => LiveSession[];
  prewarmed: () => Prewarmed;
};

export function createProcessPool({
  most,
  idle,
  working,
  prewarmed,
}: ProcessPoolDeps): ProcessPool {
  const used = (): number =>
    [...working(), ...idle.kept().map(({ live }) => live)].reduce(
      (sum, live) => sum + weigh(live),
      prewarmed().count(),
    );
  return {
    makeRoom(more) {
      while (used() + more > most && (prewarmed().drop() || idle.closeOldest()));
    },
    hasRoom: () => used() < most,
  };
}

function weigh({ browser }: LiveSession): number {
  return browser && !browser.ended ? 2 : 1;
}
