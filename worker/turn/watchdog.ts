import { AgentFailure } from '../agent/agent-failure.ts';
import type { AgentEvent } from '../agent/agent.ts';

/**
 * How long an agent may be silent (ms): `idleMs` while no tool runs; a running tool has its
 * declared timeout, or `toolMs` without one, and `idleMs` on top.
 */
export type Silence = { idleMs: number; toolMs: number };

export type Watchdog = {
  /**
   * Aborts with the turn's own signal, or with AgentFailure after too long without a sign of life.
   */
  signal: AbortSignal;
  /** Every event is a sign of life; also tracks which tools run. */
  note(event: AgentEvent): void;
  /** The number of running tools. */
  running(): number;
  stop(): void;
};

/** `isExcused`: the person is being asked something, so the silence is theirs. */
export function createWatchdog(
  silence: Silence,
  signal: AbortSignal,
  isExcused: () => boolean = () => false,
): Watchdog {
  const silent = new AbortController();
  const running = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const rewind = (): void => {
    clearTimeout(timer);
    if (stopped) return;
    const longest = Math.max(0, ...running.values());
    timer = setTimeout(() => {
      if (isExcused()) rewind();
      else
        silent.abort(
          new AgentFailure(
            'silent',
            `no sign of life for ${Math.round((longest + silence.idleMs) / 1000)} s`,
          ),
        );
    }, longest + silence.idleMs);
  };
  rewind();
  return {
    signal: AbortSignal.any([signal, silent.signal]),
    note(event) {
      if (event.kind === 'tool') running.set(event.id, event.timeoutMs ?? silence.toolMs);
      if (event.kind === 'tool-end') running.delete(event.id);
      rewind();
    },
    running: () => running.size,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
