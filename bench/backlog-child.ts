import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { endWithUs } from '../simulator/child-process.ts';
import type { BacklogJob, BacklogReply } from './backlog-message.ts';

export type Looked = Extract<BacklogReply, { kind: 'looked' }>;

/** A part of the system in a separate process. Both throw when it has failed or ended. */
export type BacklogChild = Running & {
  /** Returns the CPU time used (µs). */
  accept(job: Omit<Extract<BacklogJob, { kind: 'accept' }>, 'kind'>): Promise<number>;
  look(): Promise<Looked>;
};

/** `variables` are its configuration. */
export function startBacklogChild(
  entry: string,
  variables: Record<string, string>,
  searchPath: string,
): BacklogChild {
  const child = fork(path.join(import.meta.dirname, '..', entry), [JSON.stringify(variables)], {
    cwd: '/',
    env: { PATH: searchPath, NODE_ENV: 'production' },
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  endWithUs(child);
  const ended = once(child, 'exit');
  const ask = async (job: BacklogJob): Promise<BacklogReply> => {
    child.send(job);
    const [reply]: BacklogReply[] = await Promise.race([
      once(child, 'message'),
      ended.then(() => []),
    ]);
    if (!reply) throw new Error(`${entry} has ended`);
    if (reply.kind === 'failed') throw new Error(`${entry}: ${reply.message}`);
    return reply;
  };
  return {
    async accept(job) {
      const reply = await ask({ kind: 'accept', ...job });
      return reply.kind === 'accepted' ? reply.cpuMicros : Number.NaN;
    },
    async look() {
      const reply = await ask({ kind: 'look' });
      if (reply.kind !== 'looked') throw new Error(`${entry} answered something else`);
      return reply;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
