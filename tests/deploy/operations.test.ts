import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { runSimulator } from '../../simulator/simulator.ts';
import { until } from '../support/until.ts';

/**
 * The blocks of docs/operations.md that have nothing but commands of redis-cli, each with the
 * output that follows it.
 */
async function readExamples(): Promise<{ commands: string; output: string }[]> {
  const text = await readFile(
    path.join(import.meta.dirname, '..', '..', 'docs', 'operations.md'),
    'utf8',
  );
  return [...text.matchAll(/^```sh\n((?:redis-cli .*\n)+)```\n\n(```+)\n([^]*?)^\2$/gm)].map(
    ([, commands = '', , output = '']) => ({ commands, output }),
  );
}

/**
 * What an output says besides what differs from message to message. A hash's fields have no order.
 */
function gist(output: string): string[] {
  const plain = output
    .replaceAll(/\b(SM|MM)[0-9a-f]{32}\b/g, '$1…')
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'uuid')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replaceAll(/(?<=the relay on )\S+/g, 'host')
    // Numbers of digits alone, but for a phone's; the line's own number is left out with its
    // field's.
    .replaceAll(/^\s*\d+\) /gm, '')
    .replaceAll(/(?<![+\w])\d+(?:\.\d+)?(?!\w)/g, 'number')
    .replaceAll(/"(?:delivered|read)"/g, '"arrived"');
  return plain.trim().split('\n').toSorted();
}

test(
  'the commands of docs/operations.md show what it says they show',
  { tags: 'long' },
  async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-operations-'));
    const simulator = await runSimulator({
      dir,
      model: {},
      searchPath: process.env['PATH'] ?? '',
      idleMinutes: 0.05,
      ports: { phone: 0, relay: 0, worker: 0 },
      log: createLog('test', 'silent'),
    });
    const redis = async (commands: string): Promise<string> =>
      (
        await promisify(execFile)('sh', ['-euc', commands], {
          env: { PATH: process.env['PATH'] ?? '', REDIS_URL: simulator.redisUrl },
        })
      ).stdout;
    try {
      // A message from before that would be older than the store: its answer is looked up first.
      await until('the relay knows its store', async () =>
        (await redis(`redis-cli -u "$REDIS_URL" exists '{sidepocket}:epoch'`)).startsWith('1'),
      );
      const { sid } = await simulator.chat.receive('+15551230001', { text: 'run: echo hi' });
      // A machine that is slow to wake says so first.
      await until(
        'the answer',
        () =>
          simulator.chat
            .messages('+15551230001')
            .some((message) => message.direction === 'outbound' && message.text.includes('hi\n')),
        60_000,
      );
      const replyId = (
        await redis(`redis-cli -u "$REDIS_URL" lrange '{sidepocket}:turn-replies:${sid}' 0 -1`)
      ).trim();
      await until(
        'its delivery',
        async () =>
          /^(delivered|read)$/m.test(
            await redis(`redis-cli -u "$REDIS_URL" hget '{sidepocket}:reply:${replyId}' status`),
          ),
        30_000,
        200,
      );
      await until('the VM sleeps', () => simulator.system().vm === 'asleep', 30_000, 100);

      const examples = await readExamples();
      expect(examples).toHaveLength(6);
      for (const { commands, output } of examples) {
        const ours = commands
          .replaceAll(/\bSM[0-9a-f]{32}\b/g, sid)
          .replaceAll(/(?<=:reply:)[^']+/g, replyId)
          .replaceAll('redis-cli ', 'redis-cli --no-raw ');
        expect(gist(await redis(ours))).toEqual(gist(output));
      }
    } finally {
      await simulator.stop();
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    }
  },
);
