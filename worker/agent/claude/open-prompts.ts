import type { Translation } from './translate.ts';

/**
 * The prompts that a process has received and goes on with, also after the turn that sent them: an
 * interruption ends what Claude Code works on, not what waits in its queue.
 */
export type OpenPrompts = {
  /** A prompt is sent. */
  send(uuid: string): void;
  /** Takes in one translation. */
  note(translation: Translation): void;
  /** Those whose answer is still to come, the oldest first. */
  all(): string[];
  /** Those of them that wait in Claude Code's queue. */
  queued(): string[];
};

export function createOpenPrompts(): OpenPrompts {
  const queued = new Set<string>();
  const taken = new Set<string>();
  return {
    send: (uuid) => void queued.add(uuid),
    note(translation) {
      switch (translation.kind) {
        case 'taken':
          if (queued.delete(translation.uuid)) taken.add(translation.uuid);
          return;
        case 'passed-over':
          return void queued.delete(translation.uuid);
        case 'result':
          for (const uuid of translation.uuids) queued.delete(uuid);
          return taken.clear();
        case 'failure':
        case 'interrupted':
          return taken.clear();
        default:
      }
    },
    all: () => [...taken, ...queued],
    queued: () => [...queued],
  };
}
