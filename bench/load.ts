import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { endWithUs } from '../simulator/child-process.ts';
import type { Signing, Writers } from './webhook-requests.ts';

/**
 * `count` requests over the given number of keep-alive connections, each of which sends its next
 * request after an answer; with `seconds` the same requests repeat for that time.
 */
export type LoadJob = {
  port: number;
  connections: number;
  count: number;
  signing: Signing;
  addresses: 'one' | 'many';
  /** A hundred phones unless given. */
  writers?: Writers;
  seconds?: number;
};

/** The latency of each answer, in order of completion, and the number of answers by status. */
export type LoadResult =
  { milliseconds: number[]; statuses: Record<string, number> } | { error: string };

export type Load = Running & {
  /** Throws when a connection fails, or when not every answer has the status, if one is given. */
  run(job: LoadJob, status?: string): Promise<{ milliseconds: number[] }>;
};

/** Starts the load generator in a separate process: its work must not count for another process. */
export function startLoad(): Load {
  const child = fork(path.join(import.meta.dirname, 'load-process.ts'), { stdio: 'ignore' });
  endWithUs(child);
  const ended = once(child, 'exit');
  return {
    async run(job, status) {
      child.send(job);
      const [result]: LoadResult[] = await Promise.race([
        once(child, 'message'),
        ended.then(() => [{ error: 'the load generator has ended' }]),
      ]);
      if (!result || 'error' in result)
        throw new Error(result?.error ?? 'the load generator said nothing');
      const others = Object.entries(result.statuses).filter(
        ([own]) => status !== undefined && own !== status,
      );
      if (others.length > 0)
        throw new Error(
          `answers that are not ${status}: ${others.map(([own, count]) => `${count} of ${own}`).join(', ')}`,
        );
      return { milliseconds: result.milliseconds };
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
