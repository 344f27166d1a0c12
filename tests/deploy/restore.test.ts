import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { createShutdown } from '../../shared/runtime/lifecycle.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

/** The commands as docs/operations.md gives them. */
async function commandsOf(name: 'backup' | 'restore'): Promise<string> {
  const text = await readFile(
    path.join(import.meta.dirname, '..', '..', 'docs', 'operations.md'),
    'utf8',
  );
  const [, commands] = new RegExp(`^\`\`\`sh ${name}\\n([^]*?)^\`\`\``, 'm').exec(text) ?? [];
  if (!commands) throw new Error(`docs/operations.md has no commands for ${name}`);
  return commands;
}

const run = async (
  commands: string,
  directory: string,
  env: Record<string, string>,
): Promise<unknown> =>
  await promisify(execFile)('sh', ['-euc', commands], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });

test(
  'a backup made while everything runs, put back on another machine: nothing is answered twice, and nothing is lost',
  { tags: 'long' },
  async () => {
    await withPipeline(
      { relay: false },
      async ({ environment, redis, redisServer, dataDir, log, say, replies, startWorker }) => {
        const elsewhere = path.join(path.dirname(dataDir), 'elsewhere');
        await mkdir(elsewhere);
        await mkdir(path.join(dataDir, 'people', 'p-1'), { recursive: true });
        await writeFile(path.join(dataDir, 'people', 'p-1', 'notes.md'), 'not pushed yet');
        const relay = await runRelay(parseRelayConfig(environment), log);
        const worker = await startWorker();
        await say('one');
        await until('the answer to one', () =>
          replies().some(({ text }) => text === 'answer to one'),
        );
        await worker.stop();
        await say('two');
        const second = Math.floor(Date.now() / 1000);

        await run(await commandsOf('backup'), elsewhere, {
          REDIS_URL: redisServer.url,
          REDIS_DIR: redisServer.dir,
          DATA_DIR: dataDir,
        });
        expect(JSON.stringify(await redis.config('GET', 'auto-aof-rewrite-percentage'))).toContain(
          '"100"',
        );
        // Twilio tells times to the second, and late messages are put in order by them.
        await until('the next second', () => Math.floor(Date.now() / 1000) > second);
        await say('three');
        await relay.stop();

        const there = {
          REDIS_DIR: path.join(elsewhere, 'redis'),
          DATA_DIR: path.join(elsewhere, 'data'),
        };
        await run(await commandsOf('restore'), elsewhere, there);
        expect(await readFile(path.join(there.DATA_DIR, 'people', 'p-1', 'notes.md'), 'utf8')).toBe(
          'not pushed yet',
        );
        const server = await runRedisServer({ dir: there.REDIS_DIR });
        const shutdown = createShutdown(log);
        shutdown.add('redis', () => server.stop());
        try {
          const restored = { ...environment, REDIS_URL: server.url, DATA_DIR: there.DATA_DIR };
          const relayThere = await runRelay(parseRelayConfig(restored), log);
          shutdown.add('relay', () => relayThere.stop());
          const agent = createFastAgent({
            dir: path.join(there.DATA_DIR, 'transcripts'),
            answer: async (text) => `answer to ${text}`,
          });
          const next = await startWorker({
            environment: { ...restored, PORT: '0' },
            createAgent: async () => agent,
          });
          shutdown.add('worker', () => next.stop());
          await until(
            'the answers',
            () => replies().filter(({ text }) => text.startsWith('answer')).length >= 3,
            60_000,
          );
          expect(
            replies()
              .map(({ text }) => text)
              .filter((text) => text.startsWith('answer')),
          ).toEqual(['answer to one', 'answer to two', 'answer to three']);
        } finally {
          await shutdown.run();
        }
      },
    );
  },
);
