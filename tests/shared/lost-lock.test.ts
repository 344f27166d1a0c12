import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { dumpRedis } from '../support/redis-dump.ts';
import { conversation, fence, message, reply, sid, withStores } from '../support/stores-bench.ts';

const root = path.join(import.meta.dirname, '../..');

test('a worker that has lost the lock changes nothing', async () => {
  await withStores(
    async (
      redis,
      { inbox, outbox, ledger, nextDeliveries, conversations, sessions, schedules, readSnapshot },
    ) => {
      await redis.set(fence.lock, 'of another');
      await redis.rpush(keys.inbox(conversation), JSON.stringify(message('a')));
      await redis.hset(keys.job('turns', 'T'), 'data', '{"mine":false}', 'progress', '"theirs"');
      await redis.rpush(keys.jobLog('turns', 'T'), 'theirs');
      await redis.hset(keys.attempts(conversation), sid('a'), 2);
      await redis.hset(
        keys.conversation(conversation),
        'failed',
        JSON.stringify([JSON.stringify(message('d'))]),
        'schedules',
        3,
      );
      await outbox.put([reply('aside', { aside: true })]);
      const aside = await ledger.find('aside');
      if (!aside) throw new Error('the reply is gone');
      const before = await dumpRedis(redis);
      const data = { conversation, messages: [] };
      const writes: (() => Promise<unknown>)[] = [
        () => readSnapshot(conversation, fence, 'T:2'),
        () => inbox.take(fence, 'T', data, new Map([[sid('a'), 1]])),
        () => inbox.recount(fence, 'T', data, new Map([[sid('a'), 0]])),
        () => inbox.note(fence, 'T', conversation, { log: 'mine', doing: 'mine' }),
        () => inbox.requeue(fence, conversation, sid('a'), [sid('b')]),
        () =>
          outbox.put([], fence, {
            conversation,
            ids: [sid('a')],
            kept: [sid('a')],
            state: 'failed',
          }),
        () => outbox.withdraw(fence, conversation),
        () => conversations.write(conversation, fence, { model: 'mine' }),
        () => sessions.note(conversation, fence, { id: 'mine', title: 'mine', usedAt: 1 }),
        () => schedules.add({ conversation, prompt: 'mine', timezone: 'UTC', at: 1 }, fence),
        () => nextDeliveries.next(conversation, fence, Date.now()),
        () => ledger.begin(fence, aside),
      ];
      for (const write of writes) await expect(write()).rejects.toThrow(FencedError);
      expect(await dumpRedis(redis)).toEqual(before);
    },
  );
});

test('a turn’s job is written through the fenced script alone, and BullMQ’s own moves', () => {
  const files = readdirSync(path.join(root, 'worker'), {
    recursive: true,
    encoding: 'utf8',
  }).filter((file) => file.endsWith('.ts'));
  const unfenced =
    /\bjob\??\.(log|updateData|updateProgress|update|clearLogs|remove|promote|retry|changeDelay|changePriority)\(/;
  expect(
    files.filter((file) => unfenced.test(readFileSync(path.join(root, 'worker', file), 'utf8'))),
  ).toEqual([]);
});
