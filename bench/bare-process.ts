import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { killMarked } from '../worker/agent/sandbox/processes.ts';
import { endWithUs } from '../simulator/child-process.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';
import type { BareAsk, BareSetting } from './peers/bare-claude.ts';

/** A process that runs Claude Code with the SDK alone. */
export type BareProcess = Running & {
  /** Sends a prompt; returns the session. */
  ask(asked: BareAsk): Promise<string>;
  /** Settles when the process has exited on its own. */
  ended: Promise<unknown>;
};

/**
 * Starts it with the same Node and the flags of the worker's start. `setting.dataDir` is for this
 * process only.
 */
export function startBare(setting: BareSetting, searchPath: string): BareProcess {
  const child = fork(
    path.join(import.meta.dirname, 'peers', 'bare-claude.ts'),
    [JSON.stringify(setting)],
    {
      env: { PATH: searchPath },
      execPath: process.execPath,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    },
  );
  endWithUs(child);
  const ended = once(child, 'exit');
  return {
    ended,
    async ask(asked) {
      const answered = once(child, 'message');
      child.send(asked);
      const [session] = await answered;
      return String(session);
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
      await killMarked((mark) => mark.endsWith(`@${setting.dataDir}`));
    },
  };
}
