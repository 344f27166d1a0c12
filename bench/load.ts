import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Running } from '../shared/runtime/lifecycle.ts';
import { endWithUs } from '../simulator/child-process.ts';
import type { Signing } from './webhook-requests.ts';

/**
 * `count` requests over so many keep-alive connections, each of which sends its next when it has
 * its answer; with `seconds` the same ones again and again for that long.
 */
export type LoadJob = {
  port: number;
  connections: number;
  count: number;
  signing: Signing;
  addresses: 'one' | 'many';
  seconds?: number;
};

/**
 * How long each answer took, in the order of their ends, and how many there were of each status.
 */
export type LoadResult =
  { milliseconds: number[]; statuses: Record<string, number> } | { error: string };

export type Load = Running & {
  /** Throws when a connection fails, or when not every answer has the status, if one is given. */
  run(job: LoadJob, status?: string): Promise<{ milliseconds: number[] }>;
};

/**
 * Starts the load generator, in a process of its own: its work must not count as anybody else's.
 */
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
