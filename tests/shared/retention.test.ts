import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const days = 20;
const lifetime = days * 24 * 3600;

test('what was said goes after RETENTION_DAYS: messages, replies and pages by their time, jobs by BullMQ', async () => {
  await withPipeline(
    { environment: { RETENTION_DAYS: String(days) } },
    async ({ redis, say, replies, startWorker }) => {
      const long = readFileSync(
        path.join(import.meta.dirname, '..', 'fixtures', 'long-answer.md'),
        'utf8',
      );
      const worker = await startWorker({
        answer: async (text) =>
          text.includes('long') ? `${long.repeat(3)}\nzebra` : `answer to ${text}`,
      });
      const sids = [await say('a zebra'), await say('a long zebra')];
      await until('the page', () => replies().some(({ text }) => text.includes('/page/')));
      await until(
        'the end of both',
        async () =>
          (await redis.llen(keys.inbox(phone))) + (await redis.llen(keys.outbox(phone))) === 0,
      );
      await worker.stop();

      // As Redis would write it to disk, but for the packing, which would hide the words.
      await redis.config('SET', 'rdbcompression', 'no');
      const found = await Promise.all(
        (await redis.keys('*')).map(async (key) => ({
          key,
          value: (await redis.dumpBuffer(key))?.toString('latin1') ?? '',
          life: await redis.ttl(key),
        })),
      );
      const reporter = found
        .filter(({ value }) => value.includes('zebra'))
        .map(({ key, life }) => ({ key, life }));
      const [timed, lasting] = [
        reporter.filter(({ life }) => life >= 0),
        reporter.filter(({ life }) => life < 0).map(({ key }) => key),
      ];
      for (const { key, life } of timed)
        expect([key, life > lifetime - 60 && life <= lifetime]).toEqual([key, true]);
      expect(timed.map(({ key }) => key.split(':')[1]).toSorted()).toEqual(
        expect.arrayContaining(['page', 'reply']),
      );
      // A job is taken away by BullMQ, with its log; a session's title stays as long as the
      // session, which is on the worker's disk.
      const jobs = lasting.filter((key) => key !== keys.sessionTitles(phone));
      expect(jobs.length).toBeGreaterThan(0);
      for (const key of jobs) {
        expect(key).toMatch(new RegExp(`^${prefix}:turns:SM[0-9a-f]{32}$`));
        const kept = { age: lifetime, count: 1000 };
        expect(JSON.parse((await redis.hget(key, 'opts')) ?? '{}')).toMatchObject({
          removeOnComplete: kept,
          removeOnFail: kept,
        });
      }
      for (const sid of sids)
        expect(await redis.ttl(keys.message(sid))).toBeGreaterThan(lifetime - 60);
    },
  );
});
