import { expect, test } from 'vitest';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createTurns } from '../../shared/store/queues.ts';
import type { Turns } from '../../shared/store/queues.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { callOf, defineScript } from '../../shared/store/redis/script.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';

/** On a connection that never resends, whose transaction is written command by command. */
async function withTurns(run: (turns: Turns, redis: Redis) => Promise<void>): Promise<void> {
  await withRedis(async ({ options: { host, port } }) => {
    const url = `redis://${host}:${port}`;
    const redis = connectRedis(url, 'fail-fast', createLog('test', 'silent'));
    const turns = createTurns(redis);
    try {
      await turns.queue.waitUntilReady();
      await run(turns, redis);
    } finally {
      await turns.close();
      redis.disconnect();
    }
  });
}

test('where the script took effect and BullMQ’s half failed, the job is added on its own', async () => {
  await withTurns(async (turns, redis) => {
    const done = callOf(defineScript({ name: 'step', lua: `return 'done'` }), {});
    const call = () => done;
    // The first time BullMQ's own script travels as text, later as a digest.
    await turns.runAndAdd({ call, id: 'before' }, '+15551230003');
    await redis.script('FLUSH');
    // Redis does not know the digest now.
    expect(await turns.runAndAdd({ call, id: 'the-job' }, conversation)).toEqual({
      reply: 'done',
      job: 'the-job',
    });
    expect(await redis.lrange(`${prefix}:turns:wait`, 0, -1)).toEqual(['the-job', 'before']);
    expect(await redis.exists(keys.job('turns', 'the-job'))).toBe(1);
    // A script that wants no job gets none then, either.
    await redis.script('FLUSH');
    expect((await turns.runAndAdd({ call, wantsJob: () => false }, '+15551230002')).job).toBe('');
    expect(await redis.llen(`${prefix}:turns:wait`)).toBe(2);
  });
});

test('a script that fails is an error', async () => {
  await withTurns(async (turns) => {
    const call = () =>
      callOf(
        defineScript({ name: 'fail', lua: `return redis.error_reply('BROKEN on purpose')` }),
        {},
      );
    await expect(turns.runAndAdd({ call }, conversation)).rejects.toThrow('BROKEN');
  });
});
